"""Embeddings beside ONNX Runtime by itself, and beside infinity."""

from __future__ import annotations

from benchmarks import over_http, prompts
from benchmarks.measurement import Contender, Measurement, Metric, Peers, Target
from benchmarks.peers import HOW_TO_GET, INFINITY
from benchmarks.programs import program

RAW, OURS = "ONNX Runtime by itself, batches of 32", "**Millrace, HTTP**"


def embeddings(peers: Peers) -> Measurement:
    """A text per request from many clients, and one request with as many texts as it may have."""
    rivals = [
        Contender(INFINITY, over_http.embed, peers[name]) for name in peers if name == INFINITY
    ]
    return Measurement(
        "embed",
        "Embeddings",
        f"`{prompts.EMBED_MODEL}`, texts of some 28 tokens, new ones every time, vectors as "
        f"base64. {over_http.EMBED_CLIENTS} clients ask for one text each, as soon as they may; "
        f"then one request has {over_http.EMBED_TEXTS} texts. By itself: tokenizer, runtime and "
        "mean pooling in a process of their own, nothing of Millrace, the runtime's own settings; "
        "one figure, which both columns compare with.",
        (
            Metric("single_per_s", f"{over_http.EMBED_CLIENTS} clients, a text each, texts/s"),
            Metric("many_per_s", f"one request of {over_http.EMBED_TEXTS}, texts/s"),
        ),
        (Contender(RAW, program("raw_embed")), Contender(OURS, over_http.embed), *rivals),
        targets=(
            *_targets("ONNX Runtime by itself", RAW, single=(0.5, 0.85), many=(0.85, 1.0)),
            *_targets(INFINITY, INFINITY, single=(1.0, 1.8), many=(1.0, 1.2)),
        ),
        lacks=() if rivals else (HOW_TO_GET[INFINITY],),
    )


def _targets(
    name: str, base: str, single: tuple[float, float], many: tuple[float, float]
) -> tuple[Target, Target]:
    clients, texts = over_http.EMBED_CLIENTS, over_http.EMBED_TEXTS
    return (
        Target(
            f"texts/s, {clients} clients with one text each, to {name}",
            *("single_per_s", OURS, base, *single),
        ),
        Target(f"texts/s, one request of {texts}, to {name}", *("many_per_s", OURS, base, *many)),
    )
