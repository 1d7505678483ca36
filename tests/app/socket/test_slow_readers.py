"""Clients that break the rules of a WebSocket's wire, and readers that do not read."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import struct
import time
from collections.abc import Iterator
from typing import Self

import httpx2 as httpx
import pytest

from tasks.gateway import Gateway
from tests.app.files.api_server import ApiServer

CLOSE, PING, PONG = 8, 9, 10
HANDSHAKE = (
    "GET /v1/chat/ws HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)


class Raw:
    """A connection of which every byte is the test's; closed at the end of its block."""

    def __init__(self, port: int, receive_buffer_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_buffer_bytes:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        self.socket.settimeout(10)
        self.socket.connect(("127.0.0.1", port))
        self.socket.sendall(HANDSHAKE.encode())
        head = b""
        while b"\r\n\r\n" not in head:
            head += self.socket.recv(1)
        assert b" 101 " in head

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, message: bytes, opcode: int = 1) -> None:
        """Send one frame."""
        mask = os.urandom(4)
        size = len(message)
        if size < 126:
            head = struct.pack("!BB", 0x80 | opcode, 0x80 | size)
        elif size < 65_536:
            head = struct.pack("!BBH", 0x80 | opcode, 0xFE, size)
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, 0xFF, size)
        masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(message))
        self.socket.sendall(head + mask + masked)

    def ask(self, id: str, model: str, content: str, **headers: str) -> None:
        """Send a request."""
        messages = [{"role": "user", "content": content}]
        body = {"id": id, "model": model, "messages": messages, "headers": headers}
        self.send(json.dumps(body).encode())

    def frames(self) -> Iterator[tuple[int, bytes]]:
        """Opcode and content of what comes, until the other side closes."""
        while head := self.socket.recv(2):
            if len(head) == 1:
                head += self._exactly(1)
            size = head[1] & 0x7F
            if size == 126:
                size = struct.unpack("!H", self._exactly(2))[0]
            elif size == 127:
                size = struct.unpack("!Q", self._exactly(8))[0]
            yield head[0] & 0x0F, self._exactly(size)

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            read = self.socket.recv(size - len(got))
            assert read, "the connection ends within a frame"
            got += read
        return got


def running(gateway: Gateway, queue: str) -> int:
    """How many jobs of the queue run."""
    return int(gateway.redis.zcard(gateway.ledger.keys.running(queue)))


@pytest.mark.parametrize("stalls", [True, False])
def test_a_reader_that_takes_nothing_is_disconnected(
    api: ApiServer, socket_gateway: Gateway, stalls: bool
) -> None:
    """Whether messages are stuck or only pings: soon nobody computes for it."""
    with Raw(api.port, receive_buffer_bytes=4_096) as raw:
        if stalls:
            # Fills the wire before the other's first pong is missed.
            raw.ask("a", "echo", "word " * 20_000)
        raw.ask("b", "slow", "word " * 500)
        give_up_at = time.monotonic() + 5
        while not running(socket_gateway, "chat.slow"):
            assert time.monotonic() < give_up_at
            time.sleep(0.02)
        give_up_at = time.monotonic() + 6
        while running(socket_gateway, "chat.slow"):
            assert time.monotonic() < give_up_at, "it is computed for a client that does not read"
            time.sleep(0.05)


def test_a_late_reader_gets_whole_frames(api: ApiServer) -> None:
    """What was written while the wire was full is neither torn nor mixed."""
    with Raw(api.port, receive_buffer_bytes=4_096) as raw:
        for id in "abc":
            raw.ask(id, "echo", "word " * 8_000)
        time.sleep(0.5)
        ends, texts = 0, dict.fromkeys("abc", "")
        for opcode, content in raw.frames():
            if opcode == PING:
                raw.send(content, opcode=PONG)
                continue
            message = json.loads(content)
            for choice in message.get("chunk", {}).get("choices", ()):
                texts[message["id"]] += choice["delta"].get("content") or ""
            ends += "done" in message or "error" in message
            if ends == 3:
                break
    assert texts == dict.fromkeys("abc", "word " * 8_000)


def test_messages_that_nobody_has_looked_at_are_not_hoarded(api: ApiServer) -> None:
    """A client that sends without end and reads nothing is held back, not remembered."""
    before_bytes = api.worker.memory_info().rss
    message = b"x" * 900_000
    frame = struct.pack("!BBQ", 0x81, 0xFF, len(message)) + bytes(4) + message
    sent, give_up_at = 0, time.monotonic() + 1.5
    with Raw(api.port, receive_buffer_bytes=4_096) as raw, contextlib.suppress(OSError):
        raw.socket.settimeout(0.5)
        while time.monotonic() < give_up_at:
            raw.socket.sendall(frame)
            sent += 1
    assert sent > 3
    assert api.worker.memory_info().rss - before_bytes < 60_000_000


@pytest.mark.parametrize(
    "garbage",
    [b"\xff" * 100, b"\x81\x05hello", b"\x83\x80\0\0\0\0", b"\x89\xff" + b"\0" * 200],
    ids=["reserved bits", "no mask", "unknown opcode", "ping too long"],
)
def test_garbage_ends_its_own_connection(api: ApiServer, garbage: bytes) -> None:
    """The server says that it is a protocol error, closes, and serves the others."""
    with Raw(api.port) as raw:
        raw.socket.sendall(garbage)
        *_, (opcode, content) = raw.frames()
    assert (opcode, content[:2]) == (CLOSE, struct.pack("!H", 1002))
    assert httpx.get(f"{api.url}/health").status_code == 200
    assert "Traceback" not in api.log
