"""Contenders that are asked over HTTP: each takes a running server and gives one sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from statistics import mean, median

from benchmarks import bodies, prompts
from benchmarks.contenders.sample import chat_figures
from benchmarks.figures import Answered, Sample, durations_ms, percentile, tokens_per_s
from benchmarks.gaps import gaps_around
from benchmarks.programs import intrude, load
from benchmarks.server import Server

CHAT_PATH = "/chat/completions"
EMBED_PATH = "/embeddings"
REQUESTS = 300
CROWD_CLIENTS, CROWD_REQUESTS = 16, 480
EMBED_CLIENTS, EMBED_REQUESTS, EMBED_TEXTS = 32, 512, 2048
CONSTRAINED_STREAMS = 8
SHARED_BURSTS = 2
INTRUDE_AFTER = 0.4

Run = Callable[[Server], Sample]


def chat(streams: Iterable[int], model: str = prompts.CHAT_MODEL) -> Run:
    """Streams at every number of streams, after a short warm-up."""

    def run(server: Server) -> Sample:
        _warm_up(server, model)
        measured: dict[str, float] = {}
        for number in streams:
            answers = load(server, CHAT_PATH, number, bodies.chat_bodies(number, model))
            _require_tokens(answers, prompts.new_tokens(number))
            measured |= chat_figures(number, answers)
        return measured

    return run


def shared_preamble(server: Server) -> Sample:
    """Requests that come at once and begin alike, with what no server has seen before."""
    bursts = [
        load(server, CHAT_PATH, bodies.SHARED_STREAMS, bodies.shared_bodies())
        for _ in range(SHARED_BURSTS)
    ]
    for answers in bursts:
        _require_tokens(answers, bodies.SHARED_TOKENS)
    return {"shared_per_s": mean(tokens_per_s(answers) for answers in bursts)}


def every_chat(server: Server) -> Sample:
    """All that is measured beside another server of the same model."""
    return {**chat(prompts.STREAMS)(server), **shared_preamble(server)}


def gap(server: Server) -> Sample:
    """Running streams, and a long prompt that arrives among them."""
    _warm_up(server, prompts.CHAT_MODEL)
    streams = bodies.gap_bodies()
    after = int(INTRUDE_AFTER * len(streams) * bodies.GAP_TOKENS)
    seen = intrude(server, CHAT_PATH, streams, bodies.intruder_body(), after)
    if abs(seen.prompt_tokens - bodies.INTRUDER_TOKENS) > 60:
        raise RuntimeError(f"the long prompt had {seen.prompt_tokens} tokens")
    gaps = gaps_around(seen.arrivals_s, seen.sent_s, seen.first_s)
    return {
        "before_ms": gaps.before_p50_ms,
        "during_ms": gaps.during_p99_ms,
        "times": gaps.ratio,
        "intruder_ms": 1000 * (seen.first_s - seen.sent_s),
    }


def twins(model: str) -> Run:
    """The model by itself, and then with its twin: one stream each, and neither is idle."""

    def run(server: Server) -> Sample:
        alone = chat(prompts.LAYER_STREAMS, model)(server)
        pair = [
            bodies.chat_bodies(1, name, prompts.TWIN_TOKENS)[0]
            for name in (model, model + prompts.TWIN)
        ]
        both = load(server, CHAT_PATH, 2, pair)
        return {**alone, "twins_per_s": tokens_per_s(both)}

    return run


def lookup(model: str) -> Run:
    """One stream whose answer repeats its prompt; how many of the guessed tokens held."""

    def run(server: Server) -> Sample:
        _warm_up(server, model)
        answers = load(server, CHAT_PATH, 1, [bodies.lookup_body(model) for _ in range(3)])
        _require_tokens(answers, bodies.LOOKUP_TOKENS)
        drafted = sum(answer.drafted for answer in answers)
        accepted = sum(answer.accepted for answer in answers)
        speed = {"speed_1_per_s": tokens_per_s(answers)}
        return {**speed, "accepted_percent": 100 * accepted / drafted} if drafted else speed

    return run


def constrained(server: Server) -> Sample:
    """Answers that must match a JSON Schema."""
    _warm_up(server, prompts.CHAT_MODEL)
    asked = bodies.constrained_bodies(CONSTRAINED_STREAMS)
    answers = load(server, CHAT_PATH, CONSTRAINED_STREAMS, asked)
    return chat_figures(CONSTRAINED_STREAMS, answers)


def echo(*, stream: bool) -> Run:
    """Requests that cost no computing: one after the other, then a crowd of clients."""

    def run(server: Server) -> Sample:
        body = bodies.echo_body(stream=stream)
        load(server, CHAT_PATH, 1, [body] * 20)
        alone = durations_ms(load(server, CHAT_PATH, 1, [body] * REQUESTS))
        crowd = load(server, CHAT_PATH, CROWD_CLIENTS, [body] * CROWD_REQUESTS)
        return {
            "p50_ms": median(alone),
            "p99_ms": percentile(alone, 99),
            "crowd_per_s": tokens_per_s([_counted(each) for each in crowd]),
        }

    return run


def kept(streams: Iterable[int]) -> Run:
    """What the log could slow down: tokens of a model, and jobs that compute nothing."""

    def run(server: Server) -> Sample:
        return {**chat(streams)(server), **echo(stream=True)(server)}

    return run


def embed(server: Server) -> Sample:
    """Clients with one text each, then one large request."""
    model = server.served or prompts.EMBED_MODEL
    single = [bodies.embed_body([text], model) for text in prompts.new_texts(EMBED_REQUESTS)]
    large = bodies.embed_body(prompts.new_texts(EMBED_TEXTS), model)
    load(server, EMBED_PATH, EMBED_CLIENTS, single[:EMBED_CLIENTS])
    crowd = load(server, EMBED_PATH, EMBED_CLIENTS, single[EMBED_CLIENTS:])
    many = load(server, EMBED_PATH, 1, [large])
    return {
        "single_per_s": tokens_per_s([_counted(each) for each in crowd]),
        "many_per_s": tokens_per_s([_counted(each, EMBED_TEXTS) for each in many]),
    }


def _warm_up(server: Server, model: str) -> None:
    load(server, CHAT_PATH, 1, bodies.chat_bodies(1, model, prompts.WARM_UP_TOKENS))


def _require_tokens(answers: Iterable[Answered], tokens: int) -> None:
    if any(answer.tokens != tokens for answer in answers):
        raise RuntimeError(f"an answer has not the {tokens} tokens that were asked for")


def _counted(answered: Answered, units: int = 1) -> Answered:
    return Answered(answered.started_s, answered.first_s, answered.ended_s, units)
