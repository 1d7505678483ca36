"""What a long prompt does to the streams that run."""

from __future__ import annotations

from benchmarks import bodies, over_http
from benchmarks.measurement import Contender, Measurement, Metric, Peers, Target
from benchmarks.peers import HOW_TO_GET, LLAMA_SERVER
from benchmarks.tables.columns import OURS


def gap(peers: Peers) -> Measurement:
    """The gaps between a stream's pieces of text."""
    rivals = [
        Contender(LLAMA_SERVER, over_http.gap, peers[name])
        for name in peers
        if name == LLAMA_SERVER
    ]
    return Measurement(
        "gap",
        "A long prompt among running streams",
        f"{bodies.GAP_STREAMS} streams of {bodies.GAP_TOKENS} tokens run; when "
        f"{over_http.INTRUDE_AFTER:.0%} of their text is there, a request arrives with a new "
        f"prompt of some {bodies.INTRUDER_TOKENS} tokens. Gaps are the times between two arrivals "
        "of text of one stream, as its client sees them: their median before, and their 99th "
        "percentile from the long prompt's sending until its first token.",
        (
            Metric("before_ms", "median gap before, ms", 1),
            Metric("during_ms", "p99 gap during, ms", 1),
            Metric("times", "times longer", 2),
            Metric("intruder_ms", "first token of the long prompt, ms"),
        ),
        (Contender(OURS, over_http.gap), *rivals),
        targets=(
            Target(
                "p99 gap between tokens while a long prompt arrives, to the median before",
                *("times", OURS, None),
                must=4,
                goal=2,
                at_most=True,
            ),
        ),
        lacks=() if rivals else (HOW_TO_GET[LLAMA_SERVER],),
    )
