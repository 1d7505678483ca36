"""Answers that were computed before: how many a second, and how soon at a modest rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

from benchmarks import bodies
from benchmarks.again import Order, Seen, arrivals
from benchmarks.figures import Sample, percentile
from benchmarks.over_http import CHAT_PATH
from benchmarks.programs import repeat
from benchmarks.server import Server

CLIENTS, REQUESTS = 16, 6_000
RATE_PER_S, PACED_REQUESTS, PACED_CLIENTS = 200, 3_000, 64
WARM_UP_REQUESTS = 500
# A worker says what it is once it has hashed its files, and an answer is written behind its end.
KEPT_WITHIN_S = 30.0


def cached(*, stream: bool = False, from_cache: bool = True) -> Callable[[Server], Sample]:
    """The same chat again and again; ``from_cache``: every answer must be out of the cache."""

    def run(server: Server) -> Sample:
        body = bodies.cached_body(stream=stream)
        if from_cache:
            _have_it_kept(server, body)
        repeat(server, _order(server, body, WARM_UP_REQUESTS))
        crowd = repeat(server, _order(server, body, REQUESTS))
        due_s = arrivals(RATE_PER_S, PACED_REQUESTS)
        paced = repeat(server, _order(server, body, PACED_REQUESTS, due_s))
        if from_cache and min(crowd.hits / REQUESTS, paced.hits / PACED_REQUESTS) < 1:
            raise RuntimeError(f"not from the cache: {crowd.hits} and {paced.hits} hits")
        return {**_figures(crowd), **_paced_figures(paced)}

    return run


def _figures(seen: Seen) -> Sample:
    return {
        "per_s": len(seen.latencies_s) / seen.wall_s,
        "client_percent": 100 * seen.client_s / seen.wall_s,
        "body_bytes": seen.body_bytes,
    }


def _paced_figures(seen: Seen) -> Sample:
    return {
        "paced_p50_ms": 1000 * median(seen.latencies_s),
        "paced_p99_ms": 1000 * percentile(seen.latencies_s, 99),
        "paced_most_ms": 1000 * max(seen.latencies_s),
    }


def _order(server: Server, body: str, requests: int, due_s: tuple[float, ...] = ()) -> Order:
    path, clients = server.prefix + CHAT_PATH, PACED_CLIENTS if due_s else CLIENTS
    return Order(server.host, server.port, path, body, clients, requests, due_s)


def _have_it_kept(server: Server, body: str) -> None:
    """Ask until the answer is one out of the cache."""
    give_up_at = time.monotonic() + KEPT_WITHIN_S
    path = server.prefix + CHAT_PATH
    while not repeat(server, Order(server.host, server.port, path, body, 1, 1)).hits:
        if time.monotonic() > give_up_at:
            raise RuntimeError("the answer is not kept in the cache")
        time.sleep(0.5)
