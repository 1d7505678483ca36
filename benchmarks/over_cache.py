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

CHATS = 500
CLIENTS, REQUESTS = 16, 6_000
RATE_PER_S, PACED_REQUESTS, PACED_CLIENTS = 200, 3_000, 64
# A worker says what it is once it has hashed its files, and an answer is written behind its end.
KEPT_WITHIN_S = 30.0


def cached(
    chats: int = CHATS, *, stream: bool = False, from_cache: bool = True
) -> Callable[[Server], Sample]:
    """So many chats in turn; ``from_cache``: every answer must be out of the cache."""

    def run(server: Server) -> Sample:
        asked = bodies.cached_bodies(chats, stream=stream)
        if from_cache:
            _have_them_kept(server, asked)
        else:
            repeat(server, order(server, asked, CHATS))
        crowd = repeat(server, order(server, asked, REQUESTS))
        due_s = arrivals(RATE_PER_S, PACED_REQUESTS)
        paced = repeat(server, order(server, asked, PACED_REQUESTS, due_s))
        if from_cache and (crowd.hits, paced.hits) != (REQUESTS, PACED_REQUESTS):
            raise RuntimeError(f"not from the cache: {crowd.hits} and {paced.hits} hits")
        return {**_figures(crowd), **_paced_figures(paced)}

    return run


def order(server: Server, asked: list[str], requests: int, due_s: tuple[float, ...] = ()) -> Order:
    """So many of the chats: as fast as it goes, or at these times, with a connection for each
    that may be under way then.
    """
    path, clients = server.prefix + CHAT_PATH, PACED_CLIENTS if due_s else CLIENTS
    return Order(server.host, server.port, path, asked, clients, requests, due_s)


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


def _have_them_kept(server: Server, asked: list[str]) -> None:
    """Ask until every answer is one out of the cache."""
    give_up_at = time.monotonic() + KEPT_WITHIN_S
    while repeat(server, order(server, asked, len(asked))).hits < len(asked):
        if time.monotonic() > give_up_at:
            raise RuntimeError("the answers are not kept in the cache")
        time.sleep(0.5)
