"""What is held for a moment because many ask for it."""

from __future__ import annotations

import time

import pytest

from app.cache import hot
from app.cache.hot import HOT, Hot
from app.cache.store import Store
from tasks.connection import Client
from tasks.settings import QueueSettings


@pytest.fixture(autouse=True)
def _long(monkeypatch: pytest.MonkeyPatch) -> None:
    # Longer than a test may be held up by another process.
    monkeypatch.setattr(hot, "FORGOTTEN_AFTER_S", 5.0)


def fetch(hottest: Hot, name: str, times: int, value: bytes = b"x") -> bytes | None:
    """What is held after so many fetches."""
    for _ in range(times):
        if hottest.get(name) is None:
            hottest.fetched(name, value)
    return hottest.get(name)


def test_only_what_is_asked_for_often_is_held() -> None:
    """Each by its own count."""
    hottest = Hot()
    assert fetch(hottest, "a", HOT - 1) is None
    assert fetch(hottest, "b", HOT) == b"x"
    assert fetch(hottest, "a", 1) == b"x"


def test_all_is_forgotten_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """The counts as well: what is not asked for often any more is not held again."""
    monkeypatch.setattr(hot, "FORGOTTEN_AFTER_S", 0.05)
    hottest = Hot()
    hottest.get("a")
    monkeypatch.setattr(hot, "FORGOTTEN_AFTER_S", 5.0)
    assert fetch(hottest, "a", HOT) == b"x"
    time.sleep(0.06)
    assert fetch(hottest, "a", HOT - 1) is None


def test_little_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing large, and no more than so many."""
    monkeypatch.setattr(hot, "MOST_HELD", 1)
    hottest = Hot()
    assert fetch(hottest, "a", HOT, bytes(hot.LARGEST_BYTES + 1)) is None
    assert fetch(hottest, "b", HOT) == b"x"
    assert fetch(hottest, "c", HOT) is None


def test_a_new_value_takes_the_place_of_a_held_one() -> None:
    """From now on it is fetched."""
    hottest = Hot()
    assert fetch(hottest, "a", HOT) == b"x"
    hottest.drop("a")
    assert hottest.get("a") is None


def test_an_emptied_cache_is_noticed(
    settings: QueueSettings, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A moment later, however often somebody asks meanwhile."""
    monkeypatch.setattr(hot, "FORGOTTEN_AFTER_S", 0.2)
    name = f"{settings.key_prefix}:a"
    client.set(name, b"x")
    store = Store(settings.queue_url, 60, lambda _model, _n: None)
    for _ in range(2 * HOT):
        assert store.get(name) == b"x"
    client.delete(name)
    give_up_at = time.monotonic() + 0.5
    while store.get(name) is not None:
        assert time.monotonic() < give_up_at
    store.close()
