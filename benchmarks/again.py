"""The same few requests again and again: as fast as answers come, or at times fixed beforehand.

Like ``load`` a process of its own with one thread: it reads an ``Order`` from standard input and
writes what it ``Seen``. At fixed times a latency is counted from when its request was due: what a
server that stalls makes others wait for is part of what it does.
"""

from __future__ import annotations

import random
import selectors
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import cycle

import msgspec

from benchmarks.client import Client, Crowd, connected
from benchmarks.wire import Answer

# What an answer out of the cache says of itself.
_HIT = b"x-cache: hit"
_HEAD_END = b"\r\n\r\n"


class Order(msgspec.Struct, frozen=True):
    """So many requests to ``path``, ``bodies`` in turn, over at most so many connections.

    ``due_s`` are the times of the requests, from the start; without them each client asks as soon
    as it has its answer.
    """

    host: str
    port: int
    path: str
    bodies: list[str]
    clients: int
    requests: int
    due_s: tuple[float, ...] = ()


class Seen(msgspec.Struct, frozen=True):
    """Latencies in seconds, and how long all took; the client's own processor time within it.

    ``hits`` are answers out of the cache; ``body_bytes`` is the longest body.
    """

    latencies_s: list[float]
    wall_s: float
    client_s: float
    hits: int
    body_bytes: int


class Heard:
    """What is noted of every answer, in little time: its load is part of the machine's."""

    def __init__(self) -> None:
        self.latencies_s: list[float] = []
        self.hits = 0
        self.body_bytes = 0

    def take(self, answer: Answer, since_s: float) -> None:
        """An answer that is complete; raises for one that is an error."""
        if answer.status != 200 or answer.ended_s is None:
            raise RuntimeError(f"not an answer: {bytes(answer.received[-500:])!r}")
        self.latencies_s.append(answer.ended_s - since_s)
        head, _, body = bytes(answer.received).partition(_HEAD_END)
        self.hits += _HIT in head.lower()
        self.body_bytes = max(self.body_bytes, len(body))


def arrivals(rate_per_s: float, requests: int, seed: int = 1) -> tuple[float, ...]:
    """Times of requests that know nothing of each other, as of many people; the same every time."""
    draw = random.Random(seed)
    now_s, times_s = 0.0, []
    for _ in range(requests):
        now_s += draw.expovariate(rate_per_s)
        times_s.append(now_s)
    return tuple(times_s)


def drive(order: Order) -> Seen:
    """Ask everything, and wait for all of it."""
    heard = Heard()
    turns = cycle(order.bodies)
    # Of the selectors this one waits for less than a millisecond when it is told to.
    with connected(
        order.host, order.port, order.path, order.clients, selectors.SelectSelector
    ) as crowd:
        own_s, began_s = time.process_time(), time.perf_counter()
        if order.due_s:
            _at_times(crowd, turns, [began_s + each for each in order.due_s], heard)
        else:
            _as_fast_as_it_goes(crowd, turns, order.requests, heard)
        wall_s, client_s = time.perf_counter() - began_s, time.process_time() - own_s
    return Seen(heard.latencies_s, wall_s, client_s, heard.hits, heard.body_bytes)


def _as_fast_as_it_goes(crowd: Crowd, turns: Iterator[str], requests: int, heard: Heard) -> None:
    asked = min(len(crowd.clients), requests)
    for client in crowd.clients[:asked]:
        client.ask(next(turns))
    while len(heard.latencies_s) < requests:
        for client in crowd.ready():
            if not client.read():
                continue
            heard.take(client.answer, client.answer.started_s)
            if asked < requests:
                asked += 1
                client.ask(next(turns))


def _at_times(crowd: Crowd, turns: Iterator[str], due_s: Sequence[float], heard: Heard) -> None:
    free = deque(crowd.clients)
    # Who asks, and since when its answer is due.
    since_s: dict[int, float] = {}
    coming = iter(due_s)
    next_s = next(coming, None)
    while len(heard.latencies_s) < len(due_s):
        while free and next_s is not None and next_s <= time.perf_counter():
            client = free.popleft()
            since_s[id(client)] = next_s
            client.ask(next(turns))
            next_s = next(coming, None)
        for client in _ready_before(crowd, next_s if free else None):
            if client.read():
                heard.take(client.answer, since_s.pop(id(client)))
                free.append(client)


def _ready_before(crowd: Crowd, until_s: float | None) -> Iterator[Client]:
    if until_s is None:
        yield from crowd.ready()
        return
    wait_s = max(until_s - time.perf_counter(), 0.0)
    yield from (key.data for key, _ in crowd.selector.select(wait_s))


if __name__ == "__main__":
    ordered = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(drive(ordered)))
