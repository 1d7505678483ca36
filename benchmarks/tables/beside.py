"""Chats beside llama-server: the same file, slots, context and threads, over HTTP."""

from __future__ import annotations

from dataclasses import replace

from benchmarks import bodies, over_http, prompts
from benchmarks.measurement import Contender, Measurement, Metric, Peers, Target
from benchmarks.peers import HOW_TO_GET, LLAMA_SERVER, LlamaServer
from benchmarks.tables.columns import MODEL_HOW, OURS, counted, first_tokens, speeds

# By default llama-server keeps its memory of tokens in f16; some processors compute bf16 faster.
BF16 = ("-ctk", "bf16", "-ctv", "bf16")

_SPEED_TARGETS = ((1, 0.95, 1.0), (8, 1.10, 1.25), (16, 1.10, 1.30), (32, 1.10, 1.30))


def beside(peers: Peers) -> Measurement:
    """Speed, time to first token, and a preamble that requests share."""
    ours = Contender(OURS, over_http.every_chat)
    rivals: list[Contender] = []
    if (place := peers.get(LLAMA_SERVER)) is not None:
        rivals.append(Contender(LLAMA_SERVER, over_http.every_chat, place))
        if isinstance(place, LlamaServer):
            bf16 = replace(place, extra=BF16)
            name = f"{LLAMA_SERVER} `{' '.join(BF16)}`"
            rivals.append(Contender(name, over_http.every_chat, bf16))
    return Measurement(
        "beside",
        f"Chat beside {LLAMA_SERVER}",
        f"{MODEL_HOW} Both over HTTP with streaming, with as many slots, as much context per slot "
        "and as many threads, and nothing kept of earlier prompts; what is not set is each "
        f"server's default. Last column: {bodies.SHARED_STREAMS} requests at once that share a "
        f"new preamble of some {bodies.PREAMBLE_TOKENS} tokens and differ in their last sentence, "
        f"{bodies.SHARED_TOKENS} new tokens each, caching of prompts left on.",
        (
            *speeds(prompts.STREAMS),
            *first_tokens((1, 8)),
            Metric("shared_per_s", "tokens/s, shared preamble"),
        ),
        (*rivals[:1], ours, *rivals[1:]),
        targets=_targets(),
        lacks=() if rivals else (HOW_TO_GET[LLAMA_SERVER],),
        whole=bool(rivals),
    )


def _targets() -> tuple[Target, ...]:
    return (
        *(
            Target(
                f"tokens/s over HTTP, {counted(streams)}, to {LLAMA_SERVER}",
                f"speed_{streams}_per_s",
                OURS,
                LLAMA_SERVER,
                must,
                goal,
            )
            for streams, must, goal in _SPEED_TARGETS
        ),
        Target(
            f"time to first token, 8 streams, to {LLAMA_SERVER}",
            *("ttft_8_ms", OURS, LLAMA_SERVER),
            must=1.0,
            goal=0.5,
            at_most=True,
        ),
        Target(
            f"tokens/s, 8 streams with a shared preamble, to {LLAMA_SERVER}",
            *("shared_per_s", OURS, LLAMA_SERVER),
            must=1.5,
            goal=3,
        ),
    )
