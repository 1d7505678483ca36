"""A cache that is away, or comes and goes: nobody is refused for it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import redis
from flask.testing import FlaskClient

from app import create_app
from app.cache import breaker
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tests.app.asking import ask
from tests.app.cache.playing import CHAT, EMBED, Player
from tests.conftest import RedisServer, free_port


def client_with(gateway: Gateway, settings: ApiSettings, cache_url: str) -> FlaskClient:
    """A client of an application with this cache."""
    changed = settings.model_copy(update={"cache_url": cache_url})
    return create_app(changed, gateway).test_client()


def asked(http: FlaskClient, **changes: Any) -> tuple[int, str]:
    """The status of a chat, and what the cache said to it."""
    response = ask(http, model=CHAT, temperature=0, **changes)
    return response.status_code, response.headers["x-cache"]


@contextmanager
def frozen() -> Iterator[str]:
    """The URL of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        yield f"redis://127.0.0.1:{server.getsockname()[1]}/0"


def test_without_a_cache_all_is_computed(
    gateway: Gateway, api_settings: ApiSettings, player: Player
) -> None:
    """Refused: whole answers, streams and vectors, every time."""
    http = client_with(gateway, api_settings, f"redis://127.0.0.1:{free_port()}/0")
    for stream in (False, True, False):
        assert asked(http, stream=stream) == (200, "bypass")
    for _ in range(2):
        body = {"model": EMBED, "input": "a"}
        response: Any = http.post("/v1/embeddings", json=body)
        assert (response.status_code, response.headers["x-cache"]) == (200, "bypass")
    assert len(player.jobs) == 5


def test_a_frozen_cache_delays_one_request(
    gateway: Gateway, api_settings: ApiSettings, player: Player
) -> None:
    """By a quarter of a second; those after it by nothing."""
    with frozen() as url:
        http = client_with(gateway, api_settings, url)
        took_s = []
        for _ in range(4):
            started = time.monotonic()
            assert asked(http) == (200, "bypass")
            took_s.append(time.monotonic() - started)
    assert took_s[0] < 1.0
    assert max(took_s[1:]) < 0.2


def test_a_cache_that_comes_back_is_used_again(
    gateway: Gateway,
    api_settings: ApiSettings,
    player: Player,
    mortal_redis: RedisServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With what it still holds."""
    monkeypatch.setattr(breaker, "AGAIN_S", 0.2)
    http = client_with(gateway, api_settings, mortal_redis.url)
    assert asked(http) == (200, "miss")
    assert asked(http) == (200, "hit")
    # Its own file is written once a second.
    time.sleep(1.2)
    mortal_redis.kill()
    assert asked(http) == (200, "bypass")
    mortal_redis.start()
    give_up_at = time.monotonic() + 5
    while asked(http) != (200, "hit"):
        assert time.monotonic() < give_up_at
        time.sleep(0.05)


def test_a_hit_needs_no_queue(
    http: FlaskClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is kept is answered while the queue's Redis is away; nothing is asked of it."""
    player = Player(gateway)
    player.says_it_is("first")
    with player.at_work():
        asked(http)

    def away(*_: object, **__: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(gateway.redis, "execute_command", away)
    monkeypatch.setattr(gateway.redis, "pipeline", away)
    assert asked(http) == (200, "hit")
    assert asked(http, stream=True) == (200, "hit")
