"""A long prompt that arrives among running streams: when did everybody's text come?

Like ``load`` a process of its own with one thread: it reads an ``Intrusion`` from standard input
and writes an ``Intruded``.
"""

from __future__ import annotations

import sys

import msgspec

from benchmarks.client import Client, Crowd, connected, report


class Intrusion(msgspec.Struct, frozen=True):
    """``bodies`` at once, and ``intruder`` when so many pieces of their text have arrived."""

    host: str
    port: int
    path: str
    bodies: list[str]
    intruder: str
    after: int


class Intruded(msgspec.Struct, frozen=True):
    """The arrivals of text per stream, and the intruder's own times, in seconds on one clock."""

    arrivals_s: list[list[float]]
    sent_s: float
    first_s: float
    prompt_tokens: int


def drive(order: Intrusion) -> Intruded:
    """Ask everything and wait for all of it."""
    with connected(order.host, order.port, order.path, len(order.bodies) + 1) as crowd:
        *streams, intruder = crowd.clients
        for client, body in zip(streams, order.bodies, strict=True):
            client.ask(body)
        _follow(crowd, streams, intruder, order)
        answered = report(intruder.answer)
        assert all(report(client.answer).tokens for client in streams)
        return Intruded(
            arrivals_s=[client.answer.arrivals_s for client in streams],
            sent_s=answered.started_s,
            first_s=answered.first_s,
            prompt_tokens=answered.prompt_tokens,
        )


def _follow(crowd: Crowd, streams: list[Client], intruder: Client, order: Intrusion) -> None:
    """Read until all is answered, and ask the late question when it is time."""
    under_way = len(streams)
    asked = False
    while under_way:
        under_way -= sum(client.read() for client in crowd.ready())
        if asked:
            continue
        arrived = sum(client.answer.pieces for client in streams)
        if arrived >= order.after:
            asked = True
            under_way += 1
            intruder.ask(order.intruder)
    if not asked:
        raise RuntimeError(f"the streams ended after {arrived} pieces of text")


if __name__ == "__main__":
    ordered = msgspec.json.decode(sys.stdin.buffer.read(), type=Intrusion)
    sys.stdout.buffer.write(msgspec.json.encode(drive(ordered)))
