"""The client that asks the same again and again, with servers that take their time."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from statistics import mean, median

import pytest

from benchmarks.again import Order, Seen, arrivals, drive

HIT = b"HTTP/1.1 200 OK\r\nX-Cache: hit\r\nContent-Length: 2\r\n\r\n{}"
MISS = HIT.replace(b"hit", b"miss")
BROKEN = HIT.replace(b"200", b"503")


@contextmanager
def answering(*replies: tuple[float, bytes]) -> Iterator[int]:
    """A server of one connection that takes so long for each answer; its port."""

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            for wait_s, reply in replies:
                if not connection.recv(4096):
                    return
                time.sleep(wait_s)
                connection.sendall(reply)
            connection.recv(1)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join()


def seen(replies: list[tuple[float, bytes]], due_s: tuple[float, ...] = ()) -> Seen:
    """What one client with one connection sees of a server that answers so."""
    with answering(*replies) as port:
        return drive(Order("127.0.0.1", port, "/", ["{}"], 1, len(replies), due_s))


def test_a_latency_counts_from_when_its_request_was_due() -> None:
    """A server that stalls once makes all wait that come meanwhile."""
    told = seen([(0.3, HIT), (0, HIT), (0, HIT)], due_s=(0.0, 0.1, 0.2))
    assert all(
        latency_s > least_s
        for latency_s, least_s in zip(told.latencies_s, (0.29, 0.19, 0.09), strict=True)
    )


def test_nothing_is_sent_before_it_is_due() -> None:
    """However fast the answers come; and it is sent soon after."""
    told = seen([(0, HIT)] * 3, due_s=(0.0, 0.3, 0.6))
    assert told.wall_s >= 0.6
    assert median(told.latencies_s) < 0.2


def test_without_times_a_latency_is_the_answers_own() -> None:
    """From sending to the end, and the next is sent at once."""
    told = seen([(0.4, HIT), (0, HIT)])
    first_s, second_s = told.latencies_s
    assert first_s > 0.39
    assert second_s < 0.3
    assert told.wall_s == pytest.approx(first_s + second_s, abs=0.3)
    assert 0 < told.client_s < told.wall_s


def test_answers_out_of_the_cache_are_counted() -> None:
    """By their header, in whichever case; the body's size is told, too."""
    told = seen([(0, HIT), (0, MISS), (0, HIT)])
    assert (told.hits, told.body_bytes) == (2, 2)


def test_an_error_is_no_answer() -> None:
    """Rather than a fast one."""
    with pytest.raises(RuntimeError, match="not an answer"):
        seen([(0, BROKEN)])


def test_arrivals_are_the_same_every_time_and_as_many_as_asked_for() -> None:
    """At the rate that was asked for, and not evenly."""
    due_s = arrivals(200, 5_000)
    assert due_s == arrivals(200, 5_000)
    assert due_s[-1] == pytest.approx(25, rel=0.05)
    gaps_s = [later - earlier for earlier, later in pairwise(due_s)]
    assert min(gaps_s) < mean(gaps_s) / 10
    assert max(gaps_s) > mean(gaps_s) * 4
