"""HTTP/1.1 as the load generator speaks it: bytes out, and an answer that knows its end. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_HEAD_END = b"\r\n\r\n"
# The chunk of length zero. Data cannot look like it: a chunk's data ends where its length says,
# and the API's data are lines of JSON and events, which hold no carriage return.
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"transfer-encoding: *chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"connection: *close", re.IGNORECASE)
# A piece of text; the role's chunk before it has no content or an empty one.
_CONTENT = re.compile(rb'"content":"[^"]')
_CONTENT_BYTES = 12


def request(path: str, body: bytes) -> bytes:
    """A POST of JSON on a connection that stays open."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@dataclass(slots=True)
class Answer:
    """What has arrived of one response.

    1. ``feed`` takes bytes as they come, with the time at which they came; ``close`` says that
       the server has closed the connection.
    2. ``arrivals_s`` has the time of every read that brought text, however many ``pieces`` of it.
    3. ``ended_s`` is when the response was complete; ``closing`` whether the connection ends too.
    """

    started_s: float
    ended_s: float | None = None
    received: bytearray = field(default_factory=bytearray)
    arrivals_s: list[float] = field(default_factory=list)
    pieces: int = 0
    closing: bool = False
    _scanned: int = 0
    _headed: bool = False
    _expected: int | None = None
    _chunked: bool = False

    def feed(self, data: bytes, now_s: float) -> None:
        """Add what arrived at ``now_s``."""
        self.received += data
        self._note_text(now_s)
        if self._complete():
            self.ended_s = now_s

    def close(self, now_s: float) -> bool:
        """Whether the answer is complete although, or because, the connection was closed.

        A response that states neither length nor chunks ends with its connection.
        """
        if self.ended_s is None and self._headed and not self._chunked and self._expected is None:
            self.ended_s = now_s
        self.closing = True
        return self.ended_s is not None

    @property
    def first_s(self) -> float | None:
        """When the first text was there."""
        return self.arrivals_s[0] if self.arrivals_s else None

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.received.split(b" ", 2)[1])

    def count(self, name: str) -> int:
        """The number that the answer states last under ``name``; 0 where it states none."""
        stated = re.findall(rb'"%s": ?(\d+)' % name.encode(), self.received)
        return int(stated[-1]) if stated else 0

    def _note_text(self, now_s: float) -> None:
        ends = [found.end() for found in _CONTENT.finditer(self.received, self._scanned)]
        if ends:
            self.arrivals_s.append(now_s)
            self.pieces += len(ends)
        # What is searched for may lie across two reads, and must not be found in both.
        self._scanned = max(self._scanned, len(self.received) - _CONTENT_BYTES + 1, *ends)

    def _complete(self) -> bool:
        if not self._headed:
            end = self.received.find(_HEAD_END)
            if end < 0:
                return False
            self._read_head(bytes(self.received[:end]), end + len(_HEAD_END))
        if self._chunked:
            return self.received.endswith(_LAST_CHUNK)
        return self._expected is not None and len(self.received) >= self._expected

    def _read_head(self, head: bytes, length: int) -> None:
        self._headed = True
        self._chunked = _CHUNKED.search(head) is not None
        self.closing = _CLOSES.search(head) is not None
        if stated := _LENGTH.search(head):
            self._expected = length + int(stated[1])
