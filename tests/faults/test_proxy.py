"""The proxy between a process and a real Redis."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from faults.commands import parsed
from faults.proxy import Proxy
from tests.conftest import RedisServer


@pytest.fixture
def proxy(redis_server: RedisServer) -> Iterator[Proxy]:
    """A proxy in front of the shared Redis."""
    proxy = Proxy("127.0.0.1", redis_server.port)
    yield proxy
    proxy.close()


@pytest.fixture
def through(proxy: Proxy) -> Iterator[Any]:
    """A client behind the proxy that tries everything once."""
    client = redis.Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 0), protocol=2)
    yield client
    client.close()


@pytest.fixture
def direct(redis_server: RedisServer) -> Iterator[Any]:
    """A client of the same Redis, past the proxy."""
    client = redis.Redis.from_url(redis_server.url, protocol=2)
    yield client
    client.close()


def test_commands_and_answers_pass(through: Any) -> None:
    """Without a fault the proxy is not there, whatever the size."""
    value = b"x" * 1_000_000
    through.set("proxy-large", value)
    assert through.get("proxy-large") == value


def test_a_lost_answer_is_of_a_command_that_was_applied(
    proxy: Proxy, through: Any, direct: Any
) -> None:
    """The client sees a broken connection, and Redis has what it sent, once."""
    direct.delete("proxy-list")
    loss = proxy.lose(lambda command: command[0] == b"LPUSH")
    with pytest.raises(redis.ConnectionError):
        through.lpush("proxy-list", "job")
    assert loss.wait(2)
    assert direct.lrange("proxy-list", 0, -1) == [b"job"]


def test_only_as_many_answers_are_lost_as_were_asked_for(proxy: Proxy, through: Any) -> None:
    """After two losses the third try is answered."""
    loss = proxy.lose(lambda command: command[0] == b"INCRBY", times=2)
    through.set("proxy-count", 0)
    for _ in range(2):
        with pytest.raises(redis.ConnectionError):
            through.incr("proxy-count")
    assert through.incr("proxy-count") == 3
    assert loss.wait(2)


def test_an_error_is_passed_on_and_is_no_loss(proxy: Proxy, through: Any) -> None:
    """A command that Redis refused was not applied: its answer arrives, the next one's is lost."""
    loss = proxy.lose(lambda command: command[0] == b"EVALSHA")
    with pytest.raises(redis.ResponseError):
        through.evalsha("0" * 40, 0)
    assert loss.lost == 0
    sha = through.script_load("return 1")
    with pytest.raises(redis.ConnectionError):
        through.evalsha(sha, 0)
    assert loss.wait(2)


def test_other_connections_are_left_alone(proxy: Proxy, through: Any, redis_server: Any) -> None:
    """A loss breaks the connection that it strikes and no other."""
    other: Any = redis.Redis.from_url(proxy.url, retry=Retry(NoBackoff(), 0), protocol=2)
    pubsub = other.pubsub()
    pubsub.subscribe("proxy-channel")
    assert pubsub.get_message(timeout=2)["type"] == "subscribe"
    proxy.lose(lambda command: command[0] == b"LPUSH")
    with pytest.raises(redis.ConnectionError):
        through.lpush("proxy-list", "job")
    through.publish("proxy-channel", "heard")
    assert pubsub.get_message(timeout=2)["data"] == b"heard"
    pubsub.close()
    other.close()


def test_a_cut_breaks_every_connection_once(proxy: Proxy) -> None:
    """What was open ends; a new connection is taken and answered."""
    port = int(proxy.url.rsplit(":", 1)[1].removesuffix("/0"))
    with socket.create_connection(("127.0.0.1", port), timeout=2) as old:
        old.sendall(b"*1\r\n$4\r\nPING\r\n")
        assert old.recv(64) == b"+PONG\r\n"
        proxy.cut()
        assert old.recv(64) == b""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as new:
        new.sendall(b"*1\r\n$4\r\nPING\r\n")
        assert new.recv(64) == b"+PONG\r\n"


def test_a_slow_proxy_answers_late_until_it_is_told_otherwise(proxy: Proxy, through: Any) -> None:
    """Every answer takes the delay, and none afterwards."""
    through.ping()
    proxy.slow(0.2)
    began = time.monotonic()
    assert through.ping()
    assert time.monotonic() - began >= 0.2
    proxy.slow(0)
    began = time.monotonic()
    assert through.ping()
    assert time.monotonic() - began < 0.2


@pytest.mark.parametrize("end", range(1, 30))
def test_half_a_command_is_not_parsed(end: int) -> None:
    """Only when its last byte is there is it a command, and what follows is left."""
    whole = b"*2\r\n$4\r\nPING\r\n$5\r\na\r\nbc\r\n"
    assert len(whole) == 25
    taken = parsed((whole + b"*1\r\n")[:end])
    assert taken == (([b"PING", b"a\r\nbc"], 25) if end >= 25 else None)
