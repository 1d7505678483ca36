"""The cache's Redis, as it comes and goes."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from app.cache import breaker, writer
from app.cache.links import TIMEOUT_S, Links
from app.cache.store import Away, Store
from app.cache.writer import Entry
from tasks.connection import Client
from tasks.settings import QueueSettings
from tests.conftest import RedisServer, free_port

TTL_S = 60


class Stored(dict[str, int]):
    """How many entries of each model were written."""

    def __call__(self, model: str, n: int) -> None:
        self[model] = self.get(model, 0) + n


@contextmanager
def store_at(url: str, stored: Stored | None = None) -> Iterator[Store]:
    """A store of the cache at ``url``."""
    store = Store(url, TTL_S, Stored() if stored is None else stored)
    try:
        yield store
    finally:
        store.close()


@pytest.fixture
def quick_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache that is away is looked for more often than it need be."""
    monkeypatch.setattr(breaker, "AGAIN_S", 0.2)


@contextmanager
def frozen() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def within(seconds: float, met: Callable[[], bool]) -> None:
    """Wait until it is so."""
    give_up_at = time.monotonic() + seconds
    while not met():
        assert time.monotonic() < give_up_at, "it did not come to be"
        time.sleep(0.01)


def test_what_is_put_is_found(settings: QueueSettings, client: Client) -> None:
    """At once by whoever put it, and soon by others, until its time is over."""
    name, stored = f"{settings.key_prefix}:a", Stored()
    with store_at(settings.queue_url, stored) as store:
        store.put([Entry(name, "m", b"value")])
        assert store.get_many([name, f"{name}b"]) == [b"value", None]
        within(2, lambda: client.get(name) == b"value")
        assert 0 < client.ttl(name) <= TTL_S
        assert store.get(name) == b"value"
    assert stored == {"m": 1}


def test_a_store_that_is_closed_has_written_all(settings: QueueSettings, client: Client) -> None:
    """More than go together in one round trip."""
    names = [f"{settings.key_prefix}:{number}" for number in range(3 * writer.MOST_TOGETHER)]
    with store_at(settings.queue_url) as store:
        store.put([Entry(name, "m", b"x") for name in names])
    assert client.exists(*names) == len(names)


def test_too_much_at_once_is_dropped(
    settings: QueueSettings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits is bounded, and nobody waits for it."""
    monkeypatch.setattr(writer, "MOST_WAITING_BYTES", 10)
    names = [f"{settings.key_prefix}:{number}" for number in range(5)]
    with store_at(settings.queue_url) as store:
        store.put([Entry(name, "m", b"1234") for name in names])
    assert client.exists(*names) == 2


def test_nobody_there_is_told_at_once() -> None:
    """Refused: each request is served without it, and writing is no error."""
    with store_at(f"redis://127.0.0.1:{free_port()}/0") as store:
        started = time.monotonic()
        for _ in range(50):
            with pytest.raises(Away):
                store.get("a")
            store.put([Entry("a", "m", b"x")])
        assert time.monotonic() - started < 0.2


def test_a_frozen_cache_costs_one_timeout() -> None:
    """Whoever comes after the first that waited waits no more."""
    with frozen() as url, store_at(url) as store:
        started = time.monotonic()
        with pytest.raises(Away):
            store.get("a")
        assert time.monotonic() - started < 2 * TIMEOUT_S + 0.1
        started = time.monotonic()
        for _ in range(50):
            with pytest.raises(Away):
                store.get("a")
        assert time.monotonic() - started < 0.1


@pytest.mark.usefixtures("quick_probe")
def test_a_frozen_cache_is_tried_beside_the_requests() -> None:
    """None of them waits for the attempt."""
    longest_s = 0.0
    with frozen() as url, store_at(url) as store:
        with pytest.raises(Away):
            store.get("a")
        for _ in range(100):
            started = time.monotonic()
            with pytest.raises(Away):
                store.get("a")
            longest_s = max(longest_s, time.monotonic() - started)
            time.sleep(0.01)
    assert longest_s < TIMEOUT_S / 2


def answers(store: Store, name: str) -> bool:
    """Whether the store is there."""
    try:
        store.get(name)
    except Away:
        return False
    return True


@pytest.mark.usefixtures("quick_probe")
def test_a_cache_that_comes_back_is_used_again(mortal_redis: RedisServer) -> None:
    """Without a restart of ours."""
    with store_at(mortal_redis.url) as store:
        assert answers(store, "a")
        mortal_redis.kill()
        assert not answers(store, "a")
        mortal_redis.start()
        within(5, lambda: answers(store, "a"))
        store.put([Entry("a", "m", b"x")])
        assert store.get("a") == b"x"


def test_a_restart_between_two_requests_is_not_noticed(mortal_redis: RedisServer) -> None:
    """Its connections are dead, and a new one is not."""
    with store_at(mortal_redis.url) as store:
        assert answers(store, "a")
        mortal_redis.kill()
        mortal_redis.start()
        assert answers(store, "a")


def test_a_full_cache_is_read_all_the_same(mortal_redis: RedisServer) -> None:
    """What it refuses is not stored, and what it holds is found."""
    stored = Stored()
    with store_at(mortal_redis.url, stored) as store:
        store.put([Entry("a", "m", b"x")])
        within(2, lambda: stored == {"m": 1})
        [done] = Links(mortal_redis.url).ask([("CONFIG", "SET", "maxmemory", "1")])
        assert done == b"OK"
        store.put([Entry("b", "m", b"x")])
        within(2, lambda: store.get_many(["a", "b"]) == [b"x", None])
    assert stored == {"m": 1}


def test_an_error_of_one_command_is_that_commands_alone(settings: QueueSettings) -> None:
    """The others of its round trip are answered, and so are the next on the connection."""
    links = Links(settings.queue_url)
    first, error, last = links.ask([("PING",), ("NO-SUCH",), ("ECHO", "a")])
    assert (first, last) == (b"PONG", b"a")
    assert isinstance(error, Exception)
    assert links.ask([("ECHO", "b")]) == [b"b"]
    links.close()
