"""The load generator: some clients, each with one connection, each asking as soon as it may.

A process of its own with one thread and no HTTP library: on two cores what the client takes is
missing to the server. It reads an ``Order`` from standard input and writes the answers' times.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

import msgspec

from benchmarks.client import Crowd, connected, report
from benchmarks.wire import Answer


class Order(msgspec.Struct, frozen=True):
    """``bodies`` to POST to ``path``, ``clients`` of them at a time."""

    host: str
    port: int
    path: str
    clients: int
    bodies: list[str]


def drive(order: Order) -> list[Answer]:
    """Every body's answer, in the order of their ends."""
    bodies = iter(order.bodies)
    number = min(order.clients, len(order.bodies))
    with connected(order.host, order.port, order.path, number) as crowd:
        for client, body in zip(crowd.clients, bodies, strict=False):
            client.ask(body)
        return list(_answers(crowd, bodies, len(order.bodies)))


def _answers(crowd: Crowd, bodies: Iterator[str], wanted: int) -> Iterator[Answer]:
    answered = 0
    while answered < wanted:
        for client in crowd.ready():
            if not client.read():
                continue
            answered += 1
            yield client.answer
            if (body := next(bodies, None)) is not None:
                client.ask(body)


if __name__ == "__main__":
    ordered = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode([report(each) for each in drive(ordered)]))
