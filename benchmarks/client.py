"""One client of a load generator: a connection that asks, reads, and is made anew when closed."""

from __future__ import annotations

import selectors
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from benchmarks.figures import Answered
from benchmarks.wire import Answer, request

TIMEOUT_S = 120.0
_READ_BYTES = 1 << 18


class Client:
    """Asks one thing at a time.

    A server may close its end behind a complete answer, and llama-server does behind every
    streamed one, sometimes so late that the next question is on its way: that is then asked again
    on a new connection, and timed from there.
    """

    def __init__(self, selector: selectors.BaseSelector, host: str, port: int, path: str) -> None:
        self._selector = selector
        self._address = (host, port)
        self._path = path
        self._socket: socket.socket | None = None
        self._answered = 0
        self._asked = b""
        self.answer = Answer(0.0)

    def ask(self, body: str) -> None:
        """Send a question; its clock starts when a connection is there."""
        self._asked = request(self._path, body.encode())
        if self.answer.closing:
            self.close()
        self._send()

    def read(self) -> bool:
        """Take what is there; whether it completed the answer.

        Raises ``ConnectionError`` for a connection that was closed within an answer. One that
        waits for its first question too long may be closed as well.
        """
        data = self._received()
        now_s = time.perf_counter()
        waits = bool(self._asked)
        if data:
            self.answer.feed(data, now_s)
        elif waits and self._answered and not self.answer.received:
            self.close()
            self._send()
        else:
            self.close()
            if waits and not self.answer.close(now_s):
                raise ConnectionError(f"closed early: {bytes(self.answer.received[-300:])!r}")
        if not waits or self.answer.ended_s is None:
            return False
        self._asked = b""
        self._answered += 1
        return True

    def connect(self) -> None:
        """Have the connection ready before the first question, which then takes no longer."""
        self._connect()

    def close(self) -> None:
        """Give the connection up."""
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None

    def _send(self) -> None:
        connection = self._socket or self._connect()
        self.answer = Answer(time.perf_counter())
        # A server that has closed is noticed when its answer is read.
        with suppress(ConnectionError):
            connection.sendall(self._asked)

    def _received(self) -> bytes:
        assert self._socket is not None
        try:
            return self._socket.recv(_READ_BYTES)
        except ConnectionResetError:
            return b""

    def _connect(self) -> socket.socket:
        connection = socket.create_connection(self._address, TIMEOUT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ, self)
        self._socket = connection
        self._answered = 0
        return connection


@dataclass(frozen=True, slots=True)
class Crowd:
    """Clients, and what tells which of them has something to read."""

    selector: selectors.BaseSelector
    clients: list[Client]

    def ready(self) -> list[Client]:
        """The clients that have something to read; ``TimeoutError`` when none has for long."""
        keys = self.selector.select(TIMEOUT_S)
        if not keys:
            raise TimeoutError(f"no answer for {TIMEOUT_S:.0f} s")
        return [key.data for key, _ in keys]


@contextmanager
def connected(
    host: str,
    port: int,
    path: str,
    number: int,
    selector_of: Callable[[], selectors.BaseSelector] = selectors.DefaultSelector,
) -> Iterator[Crowd]:
    """Clients whose connections are there before any of them asks; closed at the end."""
    with selector_of() as selector:
        clients = [Client(selector, host, port, path) for _ in range(number)]
        try:
            for client in clients:
                client.connect()
            yield Crowd(selector, clients)
        finally:
            for client in clients:
                client.close()


def report(answer: Answer) -> Answered:
    """The times of an answer that is complete; raises for one that is an error."""
    if answer.status != 200 or answer.ended_s is None:
        raise RuntimeError(f"not an answer: {bytes(answer.received[-500:])!r}")
    return Answered(
        started_s=answer.started_s,
        first_s=answer.ended_s if answer.first_s is None else answer.first_s,
        ended_s=answer.ended_s,
        tokens=answer.count("completion_tokens"),
        prompt_tokens=answer.count("prompt_tokens"),
        drafted=answer.count("draft_n"),
        accepted=answer.count("draft_n_accepted"),
    )
