"""A request over a bare socket: left in any moment, and read as slowly as is asked for."""

from __future__ import annotations

import contextlib
import json
import socket
import struct
import threading
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from faults.client import CHAT

# With so little the kernel takes no backlog off a server that writes faster than is read.
SMALL_WINDOW_BYTES = 4096
TIMEOUT_S = 120.0


class RawPost:
    """A POST whose answer lies in the socket until it is read. In HTTP/1.0: its end is the end."""

    def __init__(
        self, url: str, body: Mapping[str, Any], *, path: str = CHAT, small_window: bool = False
    ) -> None:
        address = urlsplit(url)
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._socket.settimeout(TIMEOUT_S)
        if small_window:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_WINDOW_BYTES)
        self._socket.connect((address.hostname or "", address.port or 80))
        self.received = bytearray()
        data = json.dumps(body).encode()
        head = f"POST {path} HTTP/1.0\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        self._socket.sendall(head.encode() + data)

    @property
    def head(self) -> dict[str, str]:
        """The answer's headers, as far as they were read."""
        lines = bytes(self.received).split(b"\r\n\r\n", 1)[0].decode("latin-1").split("\r\n")[1:]
        pairs = (line.partition(": ") for line in lines)
        return {name.lower(): value for name, _, value in pairs}

    @property
    def lines(self) -> list[str]:
        """The body's lines, as far as they were read."""
        body = bytes(self.received).partition(b"\r\n\r\n")[2]
        return body.decode(errors="replace").split("\n")

    @property
    def job_id(self) -> str:
        """The id that the request was answered with; empty before."""
        return self.head.get("x-request-id", "")

    def read(self, most: int = 65536) -> bytes:
        """Take what is there, at most so much; empty at the end."""
        data = self._socket.recv(most)
        self.received += data
        return data

    def read_head(self) -> None:
        """Read until the headers are there."""
        while b"\r\n\r\n" not in self.received and self.read(1024):
            pass

    def read_at(self, bytes_per_s: int, stopped: threading.Event) -> None:
        """Read at most so much a second, until ``stopped`` or the end."""
        due = time.monotonic()
        while not stopped.wait(max(due - time.monotonic(), 0)):
            if not self.read(bytes_per_s):
                return
            due += 1.0

    def read_all(self) -> None:
        """Read to the end, as fast as it comes."""
        while self.read():
            pass

    def leave(self, *, reset: bool = False) -> None:
        """Close the connection; who reads it in another thread is woken.

        With ``reset`` as the kernel does it for a process that died with bytes unread.
        """
        if reset:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
