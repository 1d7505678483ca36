"""How long a client may take to send its request: a while for the head, and a pace for the body.

A server without such a limit is held by whoever sends a byte now and then: every one of these
connections takes the place of another. What a client takes is counted from the first byte of a
request on; between two requests, a connection may rest for gunicorn's ``keepalive``.
"""

from __future__ import annotations

import socket
import time
from typing import Any

from app.openai.errors import BadRequest

# What a body must come at, once its time for the first bytes is over: a file of any size may be
# sent over a slow line, and nobody drips one.
LEAST_BYTES_PER_S = 10_000

_LATE = (
    b"HTTP/1.1 408 Request Timeout\r\nConnection: close\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
_LATE_HEAD = (
    b'{"error":{"message":"The request\'s headers did not come in time.","type":'
    b'"invalid_request_error","param":null,"code":"request_timeout"}}'
)


class BodyTooSlow(BadRequest):
    """Raised where a body is read that does not come."""

    status = 408

    def __init__(self) -> None:
        super().__init__(
            "The request body did not come in time: send it at"
            f" {LEAST_BYTES_PER_S} bytes a second at least.",
            code="request_timeout",
        )


class PatientSocket:
    """A connection's socket as gunicorn reads requests from it.

    It ends the connection of a head that is late, and raises ``BodyTooSlow`` once in the handler
    that reads a body. For everything but reading it is the socket itself.
    """

    def __init__(self, below: Any, head_s: float, body_s: float) -> None:
        self._sock = getattr(below, "_sock", below)
        self.unbounded = below
        self._head_s = head_s
        self._body_s = body_s
        self._in_body = False
        self._over = False
        self._began: float | None = None
        self._read_bytes = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unbounded, name)

    def begin_body(self) -> None:
        """The head of a request was read; what comes now is its body."""
        self._in_body = True
        self._began = time.monotonic()
        self._read_bytes = 0

    def begin_rest(self) -> None:
        """The request was answered; the next one begins with its first byte."""
        self._in_body = False
        self._began = None

    def sendall(self, data: bytes) -> None:
        """As the socket's own."""
        self.unbounded.sendall(data)

    def recv(self, most: int) -> bytes:
        """What has come, b'' at the end."""
        if self._over:
            return b""
        try:
            self.unbounded.settimeout(self._left_s())
            data: bytes = self.unbounded.recv(most)
        except TimeoutError:
            return self._give_up()
        finally:
            self.unbounded.settimeout(None)
        if self._began is None:
            self._began = time.monotonic()
        self._read_bytes += len(data)
        return data

    def _left_s(self) -> float | None:
        if self._began is None:
            return None
        allowed_s = self._head_s
        if self._in_body:
            allowed_s = self._body_s + self._read_bytes / LEAST_BYTES_PER_S
        # Never 0, which would be a socket that does not wait.
        return max(self._began + allowed_s - time.monotonic(), 0.001)

    def _give_up(self) -> bytes:
        self._over = True
        if self._in_body:
            raise BodyTooSlow
        try:
            self.unbounded.sendall(_LATE % (len(_LATE_HEAD), _LATE_HEAD))
            self.unbounded.shutdown(socket.SHUT_WR)
        except OSError:
            pass
        return b""
