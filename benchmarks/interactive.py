"""Chats that come at a fixed rate, whatever becomes of those before, while something else runs.

Like ``load`` a process of its own with one thread. It reads a ``Rhythm``, a line of JSON, from
standard input, asks until that is closed, waits for what is under way, and writes a ``Chat`` each.
No two prompts begin alike and none is drawn the same way: neither a kept answer nor a kept prefix
makes one faster. The time is taken from when a chat was due, not from when it could be sent.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from benchmarks import bodies, prompts
from benchmarks.client import TIMEOUT_S, Client, report
from benchmarks.server import Server
from benchmarks.stack import ROOT

EVERY_S = 0.5
PROMPT_WORDS, TOKENS = 24, 16


class Rhythm(msgspec.Struct, frozen=True):
    """Where to ask, and how often."""

    host: str
    port: int
    path: str
    every_s: float = EVERY_S


class Chat(msgspec.Struct, frozen=True):
    """One chat: when it was due and when its first token and its end came, on one clock."""

    due_s: float
    first_s: float
    ended_s: float

    @property
    def ttft_ms(self) -> float:
        """Time to first token."""
        return 1000 * (self.first_s - self.due_s)


def body() -> str:
    """A short chat of a new beginning."""
    said = f"{prompts.new_words(PROMPT_WORDS)}. Go on."
    return bodies.chat_body([{"role": "user", "content": said}], TOKENS)


class Open:
    """Clients as many as chats are under way; each chat's due time is kept with its client."""

    def __init__(self, rhythm: Rhythm, selector: selectors.BaseSelector) -> None:
        self._rhythm = rhythm
        self._selector = selector
        self._idle: list[Client] = []
        self._due_s: dict[Client, float] = {}
        self.chats: list[Chat] = []

    @property
    def under_way(self) -> int:
        """Chats that have no end yet."""
        return len(self._due_s)

    def ask(self, due_s: float) -> None:
        """Ask for the chat that was due at this time."""
        rhythm = self._rhythm
        idle = self._idle
        client = (
            idle.pop() if idle else Client(self._selector, rhythm.host, rhythm.port, rhythm.path)
        )
        self._due_s[client] = due_s
        client.ask(body())

    def read(self, client: Client) -> None:
        """Take what is there for a client; an answer that is complete is kept."""
        if not client.read():
            return
        answered = report(client.answer)
        if answered.tokens != TOKENS:
            raise RuntimeError(f"an answer has {answered.tokens} tokens instead of {TOKENS}")
        due_s = self._due_s.pop(client)
        self.chats.append(Chat(due_s, answered.first_s, answered.ended_s))
        self._idle.append(client)

    def close(self) -> None:
        """Give all connections up."""
        for client in (*self._idle, *self._due_s):
            client.close()


def drive(rhythm: Rhythm, until: int) -> list[Chat]:
    """Ask until the file ``until`` can be read from (it is at its end), and for no more then."""
    with selectors.DefaultSelector() as selector:
        selector.register(until, selectors.EVENT_READ)
        crowd = Open(rhythm, selector)
        try:
            due_s, asking = time.perf_counter(), True
            while asking or crowd.under_way:
                wait_s = max(due_s - time.perf_counter(), 0.0) if asking else TIMEOUT_S
                ready = selector.select(wait_s)
                if not ready and not asking:
                    raise TimeoutError(f"no answer for {TIMEOUT_S:.0f} s")
                for key, _ in ready:
                    if isinstance(key.data, Client):
                        crowd.read(key.data)
                    else:
                        asking = False
                        selector.unregister(until)
                if asking and time.perf_counter() >= due_s:
                    crowd.ask(due_s)
                    due_s += rhythm.every_s
        finally:
            crowd.close()
    return crowd.chats


@contextmanager
def chatting(server: Server, path: str) -> Iterator[list[Chat]]:
    """Chats all the time while the block runs; behind it the list has all of them."""
    rhythm = Rhythm(server.host, server.port, server.prefix + path)
    chats: list[Chat] = []
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.interactive"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=dict(server.environment),
        cwd=ROOT,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(msgspec.json.encode(rhythm) + b"\n")
        process.stdin.flush()
        yield chats
        said, failed = process.communicate(timeout=TIMEOUT_S)
    finally:
        process.kill()
        process.wait()
    if process.returncode:
        raise RuntimeError(f"the chats failed:\n{failed.decode()[-4000:]}")
    chats += msgspec.json.decode(said, type=list[Chat])


def first_line(file: int) -> bytes:
    """The line that a file begins with, and nothing behind it is taken away."""
    line = bytearray()
    while not line.endswith(b"\n") and (byte := os.read(file, 1)):
        line += byte
    return bytes(line)


if __name__ == "__main__":
    ordered = msgspec.json.decode(first_line(sys.stdin.fileno()), type=Rhythm)
    sys.stdout.buffer.write(msgspec.json.encode(drive(ordered, sys.stdin.fileno())))
