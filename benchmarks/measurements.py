"""What is measured, against what, and under which names it is shown."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

import msgspec

from benchmarks import prompts
from benchmarks.contenders.sample import chat_figures
from benchmarks.figures import (
    Answered,
    Sample,
    durations_ms,
    percentile,
    tokens_per_s,
)
from benchmarks.load import Order
from benchmarks.stack import ROOT, Setup, Stack

CHAT_PATH = "/v1/chat/completions"
EMBED_PATH = "/v1/embeddings"
REQUESTS = 300
CROWD_CLIENTS, CROWD_REQUESTS = 16, 480
EMBED_CLIENTS, EMBED_REQUESTS = 8, 96
CONTENDER_S = 120
TWICE = "models_twice.toml"
PLAIN = Setup()


@dataclass(frozen=True, slots=True)
class Metric:
    """A column: the sample's key, its heading, and how many decimals it is worth."""

    key: str
    heading: str
    decimals: int = 0


@dataclass(frozen=True, slots=True)
class Contender:
    """A row: measured by ``run`` on a stack of this setup."""

    name: str
    run: Callable[[Stack], Sample]
    setup: Setup = PLAIN


@dataclass(frozen=True, slots=True)
class Measurement:
    """A table. Ratios are to the first contender; ``usual`` ones are measured unasked."""

    name: str
    title: str
    how: str
    metrics: tuple[Metric, ...]
    contenders: tuple[Contender, ...]
    usual: bool = True


def load(stack: Stack, path: str, clients: int, bodies: list[str]) -> list[Answered]:
    """What the load generator saw, run beside the stack."""
    order = Order(stack.port, path, clients, bodies)
    return msgspec.json.decode(
        _run("benchmarks.load", stack, msgspec.json.encode(order)), type=list[Answered]
    )


def program(name: str) -> Callable[[Stack], Sample]:
    """A contender that is a program of its own."""

    def run(stack: Stack) -> Sample:
        said = _run(f"benchmarks.contenders.{name}", stack)
        return msgspec.json.decode(said, type=dict[str, float])

    return run


def http_chat(model: str) -> Callable[[Stack], Sample]:
    """Streams over HTTP at every number of streams, after a short warm-up."""

    def run(stack: Stack) -> Sample:
        warm_up = prompts.chat_bodies(1, model, prompts.WARM_UP_TOKENS)
        load(stack, CHAT_PATH, 1, warm_up)
        measured: dict[str, float] = {}
        for streams in prompts.STREAMS:
            answers = load(stack, CHAT_PATH, streams, prompts.chat_bodies(streams, model))
            if any(answer.tokens != prompts.NEW_TOKENS for answer in answers):
                raise RuntimeError("an answer has not the number of tokens that was asked for")
            measured |= chat_figures(streams, answers)
        return measured

    return run


def http_twins(model: str) -> Callable[[Stack], Sample]:
    """The model by itself, and then with its twin: one stream each, and neither is idle."""

    def run(stack: Stack) -> Sample:
        alone = http_chat(model)(stack)
        pair = [
            prompts.chat_bodies(1, name, prompts.TWIN_TOKENS)[0]
            for name in (model, model + prompts.TWIN)
        ]
        both = load(stack, CHAT_PATH, 2, pair)
        return {**alone, "twins_per_s": tokens_per_s(both)}

    return run


def http_echo(*, stream: bool) -> Callable[[Stack], Sample]:
    """Requests that cost no computing: one after the other, then a crowd of clients."""

    def run(stack: Stack) -> Sample:
        body = prompts.echo_body(stream=stream)
        load(stack, CHAT_PATH, 1, [body] * 20)
        alone = durations_ms(load(stack, CHAT_PATH, 1, [body] * REQUESTS))
        crowd = load(stack, CHAT_PATH, CROWD_CLIENTS, [body] * CROWD_REQUESTS)
        return {
            "p50_ms": median(alone),
            "p99_ms": percentile(alone, 99),
            "crowd_per_s": tokens_per_s([_counted(each) for each in crowd]),
        }

    return run


def http_embed(stack: Stack) -> Sample:
    """One large request, then clients with one text each."""
    texts = prompts.texts()
    single = [prompts.embed_body([text]) for text in texts[:EMBED_REQUESTS]]
    load(stack, EMBED_PATH, 1, single[:8])
    many = load(stack, EMBED_PATH, 1, [prompts.embed_body(texts)])
    crowd = load(stack, EMBED_PATH, EMBED_CLIENTS, single)
    return {
        "many_per_s": tokens_per_s([_counted(each, len(texts)) for each in many]),
        "single_per_s": tokens_per_s([_counted(each) for each in crowd]),
    }


def _counted(answered: Answered, units: int = 1) -> Answered:
    return Answered(answered.started_s, answered.first_s, answered.ended_s, units)


def _run(module: str, stack: Stack, given: bytes | None = None) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", module],
        input=given,
        capture_output=True,
        env=dict(stack.environment),
        cwd=ROOT,
        timeout=CONTENDER_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} failed:\n{done.stderr.decode()[-4000:]}")
    return done.stdout


CHAT_METRICS = (
    Metric("ttft_1_ms", "first token, 1 stream, ms"),
    Metric("speed_1_per_s", "tokens/s, 1 stream"),
    Metric("ttft_8_ms", "first token, 8 streams, ms"),
    Metric("speed_8_per_s", "tokens/s, 8 streams"),
)
CHAT_HOW = (
    f"`{prompts.CHAT_MODEL}`, prompts of about 40 tokens, {prompts.NEW_TOKENS} new tokens each, "
    "temperature 0.8, top-k 40, top-p 0.95, end of text ignored. Tokens/s of all streams "
    "together, from the first request to the last token, prompts included."
)

MEASUREMENTS = (
    Measurement(
        "chat",
        "Chat: the bare runtime, and each layer around it",
        CHAT_HOW + " Each row has everything that the rows above it have, and one thing more; "
        "the bare runtime, the engine and the worker are processes of their own that hold the "
        "model while the stack idles.",
        CHAT_METRICS,
        (
            Contender("bare runtime, one thread", program("bare_chat")),
            Contender("+ engine", program("engine_chat")),
            Contender("+ handlers, ledger, token log", program("worker_chat")),
            Contender("+ Celery and a reader (`tasks.gateway`)", program("gateway_chat")),
            Contender("**HTTP streaming, the whole stack**", http_chat(prompts.CHAT_MODEL)),
        ),
    ),
    Measurement(
        "openmp",
        "Chat: threads and how they wait",
        CHAT_HOW + " Over HTTP, the whole stack. The last column: two models generate at once, "
        f"one stream of {prompts.TWIN_TOKENS} tokens each; tokens/s of both together.",
        (*CHAT_METRICS, Metric("twins_per_s", "two models at once, tokens/s", 1)),
        (
            Contender(
                "`GOMP_SPINCOUNT=1000`, our default", http_twins(prompts.CHAT_MODEL), Setup(TWICE)
            ),
            *(
                Contender(
                    f"`GOMP_SPINCOUNT={count}`",
                    http_twins(prompts.CHAT_MODEL),
                    Setup(TWICE, (("GOMP_SPINCOUNT", count),)),
                )
                # 300,000 is what libgomp does by itself.
                for count in ("300000", "10000")
            ),
            Contender("`threads = 1`", http_twins(prompts.ONE_THREAD_MODEL), Setup(TWICE)),
        ),
        usual=False,
    ),
    Measurement(
        "latency",
        "Latency of API, queue and Redis",
        f"The echo model, which computes nothing, answers `{prompts.ECHO_TEXT}` in three tokens; "
        f"{REQUESTS} requests one after the other on one connection, then {CROWD_CLIENTS} clients "
        f"at once. The time is until the answer is complete. Bare Celery: the same Redis, a "
        "threads pool, JSON, late acks, a task that does nothing but answer with a push to a list.",
        (
            Metric("p50_ms", "median, ms", 1),
            Metric("p99_ms", "p99, ms", 1),
            Metric("crowd_per_s", f"per second, {CROWD_CLIENTS} at once"),
        ),
        (
            Contender("bare Celery, round trip", program("bare_celery")),
            Contender("chat, whole answer", http_echo(stream=False)),
            Contender("chat, streamed", http_echo(stream=True)),
        ),
    ),
    Measurement(
        "embed",
        "Embeddings",
        f"`{prompts.EMBED_MODEL}`, texts of some 20 tokens, vectors as base64. Bare: tokenizer "
        "and runtime in a process of their own, in batches of 32 and one text per call. HTTP: "
        f"one request of {prompts.EMBED_TEXTS} texts, and {EMBED_CLIENTS} clients that ask for "
        "one text each.",
        (
            Metric("many_per_s", "many at once, texts/s"),
            Metric("single_per_s", "one by one, texts/s"),
        ),
        (
            Contender("bare runtime", program("bare_embed")),
            Contender("**HTTP**", http_embed),
        ),
    ),
)
