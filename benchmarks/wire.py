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
# The first piece of text; the role's chunk before it has no content or an empty one.
_CONTENT = re.compile(rb'"content":"[^"]')
_TOKENS = re.compile(rb'"completion_tokens":(\d+)')


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

    1. ``feed`` takes bytes as they come, with the time at which they came.
    2. ``first_s`` is when the first text was there, ``ended_s`` when the response was complete.
    """

    started_s: float
    first_s: float | None = None
    ended_s: float | None = None
    received: bytearray = field(default_factory=bytearray)
    _scanned: int = 0
    _expected: int | None = None
    _chunked: bool = False

    def feed(self, data: bytes, now_s: float) -> None:
        """Add what arrived at ``now_s``."""
        self.received += data
        if self.first_s is None:
            if _CONTENT.search(self.received, self._scanned):
                self.first_s = now_s
            # What is searched for may lie across two reads.
            self._scanned = max(len(self.received) - 16, 0)
        if self._complete():
            self.ended_s = now_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return int(self.received.split(b" ", 2)[1])

    @property
    def tokens(self) -> int:
        """The answer's tokens by its own count; 0 where it states none."""
        counts = _TOKENS.findall(self.received)
        return int(counts[-1]) if counts else 0

    def _complete(self) -> bool:
        if self._expected is None and not self._chunked:
            end = self.received.find(_HEAD_END)
            if end < 0:
                return False
            head = bytes(self.received[:end])
            self._chunked = _CHUNKED.search(head) is not None
            if length := _LENGTH.search(head):
                self._expected = end + len(_HEAD_END) + int(length[1])
        if self._chunked:
            return self.received.endswith(_LAST_CHUNK)
        return self._expected is not None and len(self.received) >= self._expected
