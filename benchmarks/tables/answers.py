"""What changes the speed of an answer by what it says: guessed tokens, and a form to keep."""

from __future__ import annotations

from benchmarks import bodies, over_http, prompts
from benchmarks.measurement import Contender, Measurement, Metric, Peers
from benchmarks.peers import LLAMA_SERVER
from benchmarks.stack import Setup
from benchmarks.tables.columns import OURS, SAMPLING, counted, speeds

LOOKUP = Setup("models_lookup.toml")


def answers(peers: Peers) -> tuple[Measurement, Measurement]:
    """Both are measured when they are asked for."""
    return speculative(), constrained(peers)


def speculative() -> Measurement:
    """Tokens guessed from what the text already says."""
    return Measurement(
        "speculative",
        "Guessed tokens",
        f"One stream, {bodies.LOOKUP_TOKENS} new tokens, greedy: the model is told to write a "
        "text again, over and over, which is what guessing from the prompt is good for. Accepted: "
        "guessed tokens that the model drew too.",
        (*speeds((1,)), Metric("accepted_percent", "accepted, %")),
        (
            Contender("one token a step", over_http.lookup(prompts.CHAT_MODEL), LOOKUP),
            Contender("**`speculative` on**", over_http.lookup(prompts.LOOKUP_MODEL), LOOKUP),
        ),
        usual=False,
    )


def constrained(peers: Peers) -> Measurement:
    """Answers that must be JSON of a schema."""
    streams = over_http.CONSTRAINED_STREAMS
    rows = [
        Contender(f"{OURS}, free", over_http.chat((streams,))),
        Contender(f"{OURS}, `json_schema`", over_http.constrained),
    ]
    if (place := peers.get(LLAMA_SERVER)) is not None:
        rows += [
            Contender(f"{LLAMA_SERVER}, free", over_http.chat((streams,)), place),
            Contender(f"{LLAMA_SERVER}, `json_schema`", over_http.constrained, place),
        ]
    return Measurement(
        "constrained",
        "Answers that must match a JSON Schema",
        f"{counted(streams)} of {prompts.new_tokens(streams)} tokens, {SAMPLING} where the answer "
        "is free; else the schema keeps it going until it is cut off.",
        tuple(speeds((streams,))),
        tuple(rows),
        usual=False,
    )
