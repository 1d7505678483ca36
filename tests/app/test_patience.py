"""Clients that send their requests slowly, against the real server."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest

from tasks.settings import QueueSettings
from tests.app.files.api_server import ApiServer
from tests.conftest import RedisServer

HEAD_S = 0.5
BODY_S = 0.5
POST = b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"


@pytest.fixture(scope="module")
def api(redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API with little patience."""
    settings = QueueSettings(queue_url=redis_server.url, key_prefix="test-patience")
    api = ApiServer(
        settings,
        tmp_path_factory.mktemp("patience"),
        MILLRACE_REQUEST_HEAD_S=str(HEAD_S),
        MILLRACE_REQUEST_BODY_S=str(BODY_S),
    )
    yield api
    api.stop()


@contextlib.contextmanager
def connected(api: ApiServer, first: bytes = b"") -> Iterator[socket.socket]:
    """A connection on which ``first`` was sent."""
    with socket.create_connection(("127.0.0.1", api.port), timeout=10) as connection:
        connection.sendall(first)
        yield connection


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the server closes."""
    got = b""
    with contextlib.suppress(ConnectionResetError):
        while read := connection.recv(65_536):
            got += read
    return got


def test_slow_heads_hold_nobody_up_and_are_cut(api: ApiServer) -> None:
    """Of 200 that send a byte now and then none is left after the time that a head has."""
    with contextlib.ExitStack() as together:
        slow = [together.enter_context(connected(api, b"GET /health HT")) for _ in range(200)]
        began, took_s = time.monotonic(), []
        while time.monotonic() - began < 2 * HEAD_S:
            for connection in slow:
                with contextlib.suppress(OSError):
                    connection.send(b"x")
            asked = time.monotonic()
            assert httpx.get(f"{api.url}/health", timeout=5).status_code == 200
            took_s.append(time.monotonic() - asked)
            time.sleep(0.1)
        assert max(took_s) < 1
        assert all(b"408 Request Timeout" in rest_of(connection) for connection in slow)


def test_a_body_that_drips_is_answered_408(api: ApiServer) -> None:
    """Its pace counts, not that something comes."""
    with connected(api, POST + b"Content-Length: 1000\r\n\r\n{") as connection:
        began = time.monotonic()
        connection.settimeout(0.1)
        answer = b""
        while not answer and time.monotonic() - began < 5:
            connection.send(b" ")
            with contextlib.suppress(TimeoutError):
                answer = connection.recv(65_536)
        connection.settimeout(10)
        answer += rest_of(connection)
    assert BODY_S <= time.monotonic() - began < 3
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert json.loads(answer.split(b"\r\n\r\n", 1)[1])["error"]["code"] == "request_timeout"


def test_a_large_body_has_more_time(api: ApiServer) -> None:
    """At a good pace it may take longer than a small one has."""
    size = 60_000
    with connected(api, POST + b"Content-Length: %d\r\n\r\n" % size) as connection:
        for _ in range(20):
            connection.sendall(b" " * (size // 20))
            time.sleep(3 * BODY_S / 20)
        assert connection.recv(65_536).startswith(b"HTTP/1.1 400 ")


def test_a_connection_may_rest_between_two_requests(api: ApiServer) -> None:
    """The time of a head begins with its first byte."""
    with connected(api) as connection:
        for _ in range(2):
            time.sleep(HEAD_S * 1.3)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = connection.recv(65_536)
            while not answer.endswith(b"}"):
                answer += connection.recv(65_536)
            assert answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /" + b"x" * 9_000 + b" HTTP/1.1\r\n\r\n", 414),
        (b"GET /health HTTP/1.1\r\nA: " + b"x" * 9_000 + b"\r\n\r\n", 431),
        (b"GET /health HTTP/1.1\r\n" + b"A: b\r\n" * 65 + b"\r\n", 431),
    ],
    ids=["a long line", "a long header", "many headers"],
)
def test_a_head_beyond_its_limits_is_refused(
    api: ApiServer, request_head: bytes, status: int
) -> None:
    """Before anything else is done with it."""
    with connected(api, request_head) as connection:
        assert rest_of(connection).startswith(b"HTTP/1.1 %d " % status)
