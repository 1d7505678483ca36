"""A client of the load generator, with servers that close their end."""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from benchmarks.client import connected
from benchmarks.load import Order, drive

STREAM = (
    b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n15\r\ndata: {"content":"a"}\r\n0\r\n\r\n'
)

Serve = Callable[[socket.socket], None]


@contextmanager
def served(serve: Serve) -> Iterator[tuple[int, list[int]]]:
    """A server that hands every connection to ``serve``; its port, and a mark per connection."""
    connections: list[int] = []

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            connections.append(1)
            with connection:
                serve(connection)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1], connections
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def order(port: int, bodies: int) -> Order:
    """One client that asks so often."""
    return Order("127.0.0.1", port, "/", 1, ["{}"] * bodies)


def test_a_connection_closed_behind_a_complete_answer_is_made_anew() -> None:
    """As llama-server closes it behind every streamed answer."""

    def once(connection: socket.socket) -> None:
        if connection.recv(4096):
            connection.sendall(STREAM)

    with served(once) as (port, connections):
        answers = drive(order(port, 3))
    assert [answer.status for answer in answers] == [200] * 3
    assert len(connections) == 3


def test_a_question_that_met_the_closing_is_asked_again() -> None:
    """The server read nothing of it: on the new connection it is answered, and timed from there."""

    def late(connection: socket.socket) -> None:
        if connection.recv(4096):
            connection.sendall(STREAM)
            # The next question comes before the end does.
            select.select([connection], [], [], 5)

    with served(late) as (port, connections):
        answers = drive(order(port, 3))
    assert [answer.status for answer in answers] == [200] * 3
    assert len(connections) == 3


def test_a_connection_that_stays_open_is_used_again() -> None:
    """As every other server leaves it."""

    def always(connection: socket.socket) -> None:
        while connection.recv(4096):
            connection.sendall(STREAM)

    with served(always) as (port, connections):
        assert len(drive(order(port, 3))) == 3
    assert len(connections) == 1


def test_a_connection_closed_within_an_answer_is_an_error() -> None:
    """A cut answer counts as none."""

    def half(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(STREAM[:-5])

    with served(half) as (port, _), pytest.raises(ConnectionError, match="closed early"):
        drive(order(port, 1))


def test_a_connection_closed_before_its_question_is_made_anew() -> None:
    """llama-server closes one that was silent for five seconds."""
    seen: list[socket.socket] = []

    def first_closed(connection: socket.socket) -> None:
        seen.append(connection)
        if len(seen) > 1 and connection.recv(4096):
            connection.sendall(STREAM)

    with (
        served(first_closed) as (port, connections),
        connected("127.0.0.1", port, "/", 1) as crowd,
    ):
        (client,) = crowd.ready()
        assert not client.read()
        client.ask("{}")
        assert crowd.ready() == [client]
        assert client.read()
    assert len(connections) == 2
