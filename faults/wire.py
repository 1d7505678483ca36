"""Event-stream lines to events: what a client reads of an answer. Pure."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import msgspec

DONE = "[DONE]"


class Heard(msgspec.Struct, frozen=True):
    """An event as it came: its number, its data, and when (on the client's own clock)."""

    seq: int
    data: str
    at: float


class Reader:
    """Takes lines; keeps events, comments, and how the stream ended.

    ``done`` is set by ``[DONE]``, ``error`` by an event that says one. A block counts when its
    empty line has come: what a cut connection left of one is no event.
    """

    def __init__(self) -> None:
        self.events: list[Heard] = []
        self.comments: list[str] = []
        self.done = False
        self.error: dict[str, Any] | None = None
        self._seq: int | None = None
        self._data: str | None = None

    def line(self, line: str) -> None:
        """Take the next line."""
        if line.startswith(":"):
            self.comments.append(line[1:].strip())
        elif line.startswith("id: "):
            self._seq = int(line[4:])
        elif line.startswith("data: "):
            self._data = line[6:]
        elif not line:
            self._end_block()

    @property
    def last_seq(self) -> int:
        """The number of the last event that came whole; 0 before any."""
        return self.events[-1].seq if self.events else 0

    @property
    def text(self) -> str:
        """The text of choice 0 so far."""
        return text_of(self.events)

    def cut(self) -> None:
        """The connection is gone: half a block is forgotten."""
        self._seq = self._data = None

    def _end_block(self) -> None:
        seq, data = self._seq, self._data
        self.cut()
        if data is None:
            return
        self.done = self.done or data == DONE
        if data.startswith('{"error"'):
            self.error = json.loads(data)["error"]
        if seq is not None:
            self.events.append(Heard(seq, data, time.monotonic()))


def text_of(events: Sequence[Heard]) -> str:
    """The text of choice 0 in these events."""
    return "".join(piece(event.data) for event in events)


def piece(data: str) -> str:
    """The text in a chunk of choice 0; empty where there is none."""
    if data == DONE:
        return ""
    for choice in json.loads(data).get("choices", ()):
        if choice["index"] == 0:
            return str((choice.get("delta") or {}).get("content") or choice.get("text") or "")
    return ""


def gapless(events: Sequence[Heard], first: int = 1) -> bool:
    """Whether the numbers are ``first``, ``first + 1`` and so on: no gap, no repeat."""
    return [event.seq for event in events] == list(range(first, first + len(events)))


def longest_pause_s(events: Sequence[Heard], since: float) -> float:
    """The longest silence between two events of which the second came after ``since``."""
    times = [event.at for event in events]
    pauses = [late - early for early, late in pairwise(times) if late > since]
    return max(pauses, default=0.0)
