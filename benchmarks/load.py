"""The load generator: some clients, each with one connection, each asking as soon as it may.

A process of its own with one thread and no HTTP library: on two cores what the client takes is
missing to the server. It reads an ``Order`` from standard input and writes the answers' times.
"""

from __future__ import annotations

import selectors
import socket
import sys
import time
from collections.abc import Iterator

import msgspec

from benchmarks.figures import Answered
from benchmarks.wire import Answer, request

TIMEOUT_S = 60.0
_READ_BYTES = 1 << 18


class Order(msgspec.Struct, frozen=True):
    """``bodies`` to POST to ``path``, ``clients`` of them at a time."""

    port: int
    path: str
    clients: int
    bodies: list[str]


class _Client:
    def __init__(self, port: int, path: str) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._path = path
        self.answer = Answer(0.0)

    def ask(self, body: str) -> None:
        asked = request(self._path, body.encode())
        self.answer = Answer(time.perf_counter())
        self.socket.sendall(asked)

    def read(self) -> bool:
        """Take what is there; whether the answer is complete."""
        data = self.socket.recv(_READ_BYTES)
        if not data:
            raise ConnectionError(f"closed early: {bytes(self.answer.received[-300:])!r}")
        self.answer.feed(data, time.perf_counter())
        return self.answer.ended_s is not None


def drive(order: Order) -> list[Answer]:
    """Every body's answer, in the order of their ends."""
    bodies = iter(order.bodies)
    selector = selectors.DefaultSelector()
    connected = [_Client(order.port, order.path) for _ in range(order.clients)]
    for client, body in zip(connected, bodies, strict=False):
        selector.register(client.socket, selectors.EVENT_READ, client)
        client.ask(body)
    answers = list(_answers(selector, bodies, len(order.bodies)))
    for client in connected:
        client.socket.close()
    return answers


def _answers(
    selector: selectors.BaseSelector, bodies: Iterator[str], wanted: int
) -> Iterator[Answer]:
    answered = 0
    while answered < wanted:
        ready = selector.select(TIMEOUT_S)
        if not ready:
            raise TimeoutError(f"no answer for {TIMEOUT_S:.0f} s")
        for key, _ in ready:
            client: _Client = key.data
            if not client.read():
                continue
            answered += 1
            yield client.answer
            if (body := next(bodies, None)) is not None:
                client.ask(body)


def report(answer: Answer) -> Answered:
    """The times of an answer that is complete; raises for one that is an error."""
    if answer.status != 200 or answer.ended_s is None:
        raise RuntimeError(f"not an answer: {bytes(answer.received[-500:])!r}")
    first_s = answer.ended_s if answer.first_s is None else answer.first_s
    return Answered(answer.started_s, first_s, answer.ended_s, answer.tokens)


if __name__ == "__main__":
    ordered = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode([report(each) for each in drive(ordered)]))
