"""Chats at a fixed rate: none waits for the one before, and each one's clock runs from its due."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import pytest

from benchmarks import interactive
from benchmarks.interactive import Rhythm

HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
TEXT = b'15\r\ndata: {"content":"a"}\r\n'
USAGE = b'data: {"completion_tokens":%d}\r\n0\r\n\r\n' % interactive.TOKENS


@contextmanager
def served(wait_s: float) -> Iterator[int]:
    """A server that answers every question so much later; its port."""

    def answer(connection: socket.socket) -> None:
        with connection:
            while connection.recv(65536):
                time.sleep(wait_s)
                connection.sendall(HEAD + TEXT + USAGE)

    def accept() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=accept)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join()


def asked(port: int, seconds: float, every_s: float) -> list[interactive.Chat]:
    """The chats of so many seconds."""
    reading, writing = os.pipe()
    timer = threading.Timer(seconds, os.close, (writing,))
    timer.start()
    try:
        return interactive.drive(Rhythm("127.0.0.1", port, "/", every_s), reading)
    finally:
        timer.join()
        os.close(reading)


def test_a_slow_answer_holds_up_no_other_question() -> None:
    """Ten are asked in a second though each takes half of one, and all are waited for."""
    with served(0.5) as port:
        chats = asked(port, 1.0, 0.1)
    assert 9 <= len(chats) <= 11
    assert all(450 < chat.ttft_ms < 700 for chat in chats)
    dues = pairwise(sorted(chat.due_s for chat in chats))
    gaps = [late - early for early, late in dues]
    assert gaps == pytest.approx([0.1] * len(gaps))


def test_an_answer_of_another_length_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be compared with longer ones."""
    monkeypatch.setattr(interactive, "TOKENS", interactive.TOKENS + 1)
    with served(0.0) as port, pytest.raises(RuntimeError, match="tokens"):
        asked(port, 0.3, 0.1)


def test_no_two_chats_begin_alike() -> None:
    """Neither a kept answer nor a kept prefix makes one faster."""
    beginnings = {interactive.body()[:120] for _ in range(50)}
    assert len(beginnings) == 50


def test_the_first_line_is_read_and_no_more() -> None:
    """What follows it says when to stop."""
    reading, writing = os.pipe()
    os.write(writing, b'{"a":1}\nrest')
    os.close(writing)
    assert interactive.first_line(reading) == b'{"a":1}\n'
    assert os.read(reading, 10) == b"rest"
    os.close(reading)
