"""Answers out of the cache, beside Flask and gunicorn by themselves."""

from __future__ import annotations

from benchmarks import over_cache
from benchmarks.bare_flask import BareFlask
from benchmarks.measurement import Contender, Measurement, Metric, Target
from benchmarks.stack import Setup

BARE = "bare Flask, gunicorn"
OURS = "**Millrace, from the cache**"
KEEPING = Setup(extra=(("MILLRACE_CACHE", "deterministic"),))


def cached() -> Measurement:
    """Requests a second, and how soon."""
    return Measurement(
        "cached",
        "Chats that were answered before",
        f"{over_cache.CHATS} chats in turn, all answered before, of some 600 characters each, and "
        f"their answers as long: requests a second of {over_cache.CLIENTS} clients that keep their "
        f"connections, then {over_cache.RATE_PER_S} requests a second at random times that were "
        "drawn beforehand, whose latencies count from when they were due. One process each, with "
        "gevent workers. The bare one parses the same JSON and answers a dictionary of the same "
        "shape and size. The load client is a process on the same two cores; its share of one of "
        "them is stated.",
        (
            Metric("per_s", f"per second, {over_cache.CLIENTS} at once"),
            Metric("paced_p50_ms", f"median at {over_cache.RATE_PER_S}/s, ms", 2),
            Metric("paced_p99_ms", f"p99 at {over_cache.RATE_PER_S}/s, ms", 2),
            Metric("paced_most_ms", "longest, ms", 1),
            Metric("body_bytes", "body, bytes"),
            Metric("client_percent", "load client, % of a core"),
        ),
        (
            Contender(BARE, over_cache.cached(from_cache=False), BareFlask()),
            Contender(OURS, over_cache.cached(), KEEPING),
            Contender("the same, as streams", over_cache.cached(stream=True), KEEPING),
            Contender("one chat again and again", over_cache.cached(1), KEEPING),
        ),
        targets=(
            Target(
                "cached chat answers/s of one API process, to bare Flask",
                *("per_s", OURS, BARE),
                must=0.4,
                goal=0.6,
            ),
            Target(
                f"cached chat answer, p99 at {over_cache.RATE_PER_S} requests/s, ms",
                *("paced_p99_ms", OURS, None),
                must=10,
                goal=10,
                at_most=True,
            ),
        ),
    )
