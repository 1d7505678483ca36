"""One WebSocket connection: whole messages out, a bounded number in, and a close that arrives.

simple-websocket, which speaks the protocol, writes with ``send``: to a reader that is behind, half
a message leaves and the next one's head follows it. It takes messages in as fast as they come,
however many nobody has looked at. Both are mended here.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Any

import structlog
from simple_websocket import ConnectionClosed, Server
from wsproto.utilities import RemoteProtocolError

log = structlog.get_logger(__name__)

# Messages of a client that were taken in and not looked at; the next ones wait in its own machine.
MOST_UNREAD = 4
UNREAD_LOOK_S = 0.05
# How long a client that was told goodbye may take to say it back.
GOODBYE_S = 1.0

GOING_AWAY = 1001
PROTOCOL_ERROR = 1002
TRY_AGAIN = 1012


class Closed(Exception):
    """Raised when nobody is at the other end any more, or reads too slowly to be waited for."""


class _Reading(threading.Thread):
    """Reads a connection; what is no WebSocket is the client's failure, and none of ours."""

    def run(self) -> None:
        try:
            super().run()
        except RemoteProtocolError as error:
            log.info("socket garbled", error=str(error))


class _Wire:
    """The socket below, written to by many: each write is whole, and none waits for ever."""

    def __init__(self, below: socket.socket, server: Server) -> None:
        self._below = below
        self._server = server
        self.writing = threading.RLock()

    def send(self, data: bytes) -> int:
        with self.writing:
            # Bounded by the socket's timeout, after which half a message may have left.
            self._below.sendall(data)
        return len(data)

    def recv(self, most: int) -> bytes:
        while len(self._server.input_buffer) >= MOST_UNREAD and self._server.connected:
            time.sleep(UNREAD_LOOK_S)
        return self._below.recv(most)

    def fileno(self) -> int:
        return self._below.fileno()

    def close(self) -> None:
        # Closed over what is still coming, it would be reset, and our last words lost with it.
        with contextlib.suppress(OSError):
            self._below.shutdown(socket.SHUT_WR)
            self._below.settimeout(GOODBYE_S)
            give_up_at = time.monotonic() + GOODBYE_S
            while time.monotonic() < give_up_at and self._below.recv(65_536):
                pass
        self._below.close()


class Connection:
    """Messages of a client, and to it from any thread.

    ``stall_s`` is how long a message may take to leave; a client that reads more slowly is gone.
    """

    def __init__(self, server: Server, stall_s: float) -> None:
        self._server = server
        # A message need not come in the time of a request.
        self._socket: socket.socket = getattr(server.sock, "unbounded", server.sock)
        self._socket.settimeout(stall_s)
        self._wire = _Wire(self._socket, server)
        server.sock = self._wire
        self._cut = False

    @property
    def open(self) -> bool:
        """Whether messages can still be sent."""
        return bool(self._server.connected) and not self._cut

    def receive(self, timeout_s: float) -> bytes | None:
        """The next message, or None when none came in time; raises ``Closed``."""
        try:
            message: str | bytes | None = self._server.receive(timeout=timeout_s)
        except ConnectionClosed as error:
            raise Closed from error
        if message is None and not self.open:
            raise Closed
        if message is None and not self._server.thread.is_alive():
            self.close(PROTOCOL_ERROR, "That was no WebSocket frame.")
            raise Closed
        return message.encode() if isinstance(message, str) else message

    def send(self, message: bytes) -> None:
        """Send one message of text; raises ``Closed``."""
        try:
            # What is compressed must leave in the order in which it was compressed.
            with self._wire.writing:
                if not self.open:
                    raise Closed
                self._server.send(message.decode())
        except (ConnectionClosed, OSError) as error:
            self.cut()
            raise Closed from error

    def cut(self) -> None:
        """End it without a word, which half a message would only garble."""
        self._cut = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def close(self, code: int, reason: str) -> None:
        """Say goodbye, and wait a moment until the client has heard it."""
        if self.open:
            with contextlib.suppress(ConnectionClosed, OSError):
                self._server.close(code, reason)
        self.end()

    def end(self) -> None:
        """Wait a moment for what was said last to be heard, and let go of the socket."""
        # Without this its thread would look at the socket until the next ping is due.
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)
        reader: threading.Thread = self._server.thread
        reader.join(GOODBYE_S)
        self.cut()
        reader.join(GOODBYE_S)


def options(*, ping_s: float, most_bytes: int, subprotocol: str) -> dict[str, Any]:
    """What simple-websocket is told; without it nothing is bounded, and nobody is ever gone."""
    return {
        "ping_interval": ping_s,
        "max_message_size": most_bytes,
        "receive_bytes": 65_536,
        "thread_class": _Reading,
        "subprotocols": [subprotocol],
    }
