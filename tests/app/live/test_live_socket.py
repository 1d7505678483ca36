"""``/live`` as it is run: who is shown what, and how it ends."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import msgspec
import pytest
from simple_websocket import Client, ConnectionClosed

from tasks.api_keys import ApiKey, Created, Register
from tasks.gateway import Gateway
from tests.app.files.api_server import ApiServer
from tests.app.socket.conftest import api_over, served
from tests.conftest import RedisServer

ADMIN_KEY = "the-key-of-the-operator"
API_KEY = "the-key-of-a-stranger"


@pytest.fixture(scope="module")
def gateway(
    redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gateway]:
    """A queue with a worker of ``echo``."""
    with served(redis_server, tmp_path_factory.mktemp("live"), "echo") as gateway:
        yield gateway


@pytest.fixture(scope="module")
def api(gateway: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """An API that asks for keys, and lets two watch."""
    api = api_over(
        gateway,
        tmp_path_factory.mktemp("api"),
        MILLRACE_API_KEY=API_KEY,
        MILLRACE_ADMIN_KEY=ADMIN_KEY,
        MILLRACE_LIVE_SOCKETS="2",
    )
    yield api
    api.stop()


class Watch:
    """A watcher."""

    def __init__(self, api: ApiServer, hello: str | None) -> None:
        self.client = Client.connect(f"ws://127.0.0.1:{api.port}/live")
        if hello is not None:
            # One watcher too many is sent away before it has said anything.
            with contextlib.suppress(ConnectionClosed):
                self.client.send(hello)

    def next(self, kind: str = "") -> Any:
        """The next message, or the next of that type."""
        give_up_at = time.monotonic() + 15
        while time.monotonic() < give_up_at:
            message = self.client.receive(timeout=15)
            assert message is not None
            told = msgspec.json.decode(message)
            if kind in ("", told["type"]):
                return told
        raise AssertionError(f"no {kind} came")

    def ending(self) -> tuple[int, str]:
        """The code and the reason that it was closed with."""
        give_up_at = time.monotonic() + 15
        while time.monotonic() < give_up_at:
            try:
                self.client.receive(timeout=1)
            except ConnectionClosed as closed:
                return int(closed.reason), closed.message or ""
        raise AssertionError("it was not closed")

    def leave(self) -> None:
        """Close it."""
        with contextlib.suppress(ConnectionClosed):
            self.client.close()


@pytest.fixture
def watch(api: ApiServer) -> Iterator[Any]:
    """Opens watchers with a key, closed at the end."""
    watchers: list[Watch] = []

    def watch(key: str | None = None, hello: str | None = None) -> Watch:
        text = hello if key is None else msgspec.json.encode({"key": key}).decode()
        watchers.append(Watch(api, text))
        return watchers[-1]

    yield watch
    for watcher in watchers:
        watcher.leave()
    time.sleep(0.6)


def made(gateway: Gateway, *models: str) -> Created:
    """A new key for these models."""
    draft = ApiKey(id="", owner="alice", models=models)
    return Register(gateway.redis, gateway.settings).create(draft)


def test_a_key_shows_models_and_no_nodes(watch: Any) -> None:
    """Each with its queue; where they are is for the admin key."""
    watcher = watch(API_KEY)
    assert watcher.next() == {
        "type": "welcome",
        "admin": False,
        "admin_exists": True,
        "key": True,
    }
    state = watcher.next("state")
    assert {model["name"]: model["state"] for model in state["models"]} == {
        "echo": "ready",
        "slow": "missing",
        "absent": "missing",
    }
    assert "nodes" not in state
    assert "memory_bytes" not in state["models"][0]


def test_a_key_for_some_models_shows_those(watch: Any, gateway: Gateway) -> None:
    """Of the others not even the name is told."""
    watcher = watch(made(gateway, "echo").secret)
    assert [model["name"] for model in watcher.next("state")["models"]] == ["echo"]


def test_the_admin_key_shows_nodes_and_slots(watch: Any) -> None:
    """Two lists more, and what is wished of each model."""
    watcher = watch(ADMIN_KEY)
    assert watcher.next()["admin"] is True
    state = watcher.next("state")
    assert state["nodes"] == []
    assert state["models"][0]["wanted"] is True
    assert [worker["model"] for worker in watcher.next("slots")["workers"]] == ["echo"]


@pytest.mark.parametrize("key", ["", "a-key-that-nobody-made-for-anybody"])
def test_without_a_key_nothing_is_shown(watch: Any, key: str) -> None:
    """Closed with a code of its own, by which the page asks for one."""
    assert watch(key).ending() == (4401, "The key is missing or wrong.")


def test_a_revoked_key_shows_nothing_more(watch: Any, gateway: Gateway) -> None:
    """Within seconds, although its socket was open before."""
    key = made(gateway)
    watcher = watch(key.secret)
    watcher.next("state")
    Register(gateway.redis, gateway.settings).revoke(key.key.id)
    assert watcher.ending()[0] == 4401


@pytest.mark.parametrize("hello", ["nonsense", "[]", '{"key": 7}'])
def test_nonsense_is_no_greeting(watch: Any, hello: str) -> None:
    """It says what the first message must be."""
    code, reason = watch(hello=hello).ending()
    assert code == 1008
    assert "first message" in reason


def test_who_goes_on_talking_is_cut_off(watch: Any) -> None:
    """Nothing is read after the first message: it fills no memory."""
    watcher = watch(API_KEY)
    watcher.next("state")
    watcher.client.send("x" * 100)
    assert watcher.ending()[0] in (1008, 1009)


def test_more_than_may_watch_are_told_so(watch: Any) -> None:
    """The third is asked to come back later; when one has left there is room again."""
    first, second = watch(API_KEY), watch(API_KEY)
    first.next("state")
    second.next("state")
    assert watch(API_KEY).ending()[0] == 1013
    first.leave()
    time.sleep(1.5)
    watch(API_KEY).next("state")


def test_a_page_of_another_site_may_not_watch(api: ApiServer) -> None:
    """Its browser says where it comes from; without keys it would be shown everything."""
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        "Origin": "https://elsewhere.example",
    }
    answer = httpx.get(f"{api.url}/live", headers=upgrade)
    assert answer.status_code == 403
    assert answer.json()["error"]["code"] == "origin_not_allowed"


def test_sockets_close_when_the_server_stops(watch: Any, api: ApiServer) -> None:
    """With the code that says to connect again, long before they would be cut."""
    watcher = watch(API_KEY)
    watcher.next("state")
    began = time.monotonic()
    api.signal_stop()
    assert watcher.ending()[0] == 1012
    assert time.monotonic() - began < 3
    api.stop()
    api.start()
