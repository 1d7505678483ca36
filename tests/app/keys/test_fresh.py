"""Answers that are kept for less than a second, and what holds while Redis is away."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import redis

from app.keys.fresh import FRESH_S, TRY_AGAIN_S, Fresh
from tasks.errors import QueueUnavailable

TRUSTED_S = 60.0


class Source:
    """What is asked, by a clock that the test moves."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.asked: list[str] = []
        self.value = 0
        self.away = False
        self.held: threading.Event | None = None

    def ask(self, name: str) -> int:
        self.asked.append(name)
        if self.held is not None:
            assert self.held.wait(10)
        if self.away:
            raise redis.ConnectionError
        return self.value

    def fresh(self, most: int = 100) -> Fresh[int]:
        return Fresh(self.ask, trusted_s=TRUSTED_S, clock=lambda: self.now_s, most=most)


def test_a_name_is_asked_about_once_in_a_while() -> None:
    """However many requests need it, and again when the answer is not fresh any more."""
    source = Source()
    fresh = source.fresh()
    assert [fresh.get("a") for _ in range(1_000)] == [0] * 1_000
    assert source.asked == ["a"]
    source.value = 1
    source.now_s += FRESH_S - 0.01
    assert fresh.get("a") == 0
    source.now_s += 0.01
    assert fresh.get("a") == 1
    assert FRESH_S < 1


def test_an_answer_is_as_old_as_its_question() -> None:
    """A slow Redis does not stretch the second: what it said may have been true at first only."""
    source = Source()
    fresh = source.fresh()

    def slow(name: str) -> int:
        source.now_s += 0.5
        return source.value

    source.ask = slow  # type: ignore[method-assign]
    fresh = source.fresh()
    assert fresh.get("a") == 0
    source.value = 1
    source.now_s += 0.45
    assert fresh.get("a") == 1


def test_requests_that_come_together_ask_together() -> None:
    """One question for a hundred of them."""
    source = Source()
    source.held = threading.Event()
    fresh = source.fresh()
    with ThreadPoolExecutor(100) as pool:
        answers = [pool.submit(fresh.get, "a") for _ in range(100)]
        source.held.set()
        assert {each.result(10) for each in answers} == {0}
    assert source.asked == ["a"]


def test_what_was_known_holds_while_redis_is_away() -> None:
    """For a minute; then nothing is known."""
    source = Source()
    fresh = source.fresh()
    fresh.get("a")
    source.away = True
    source.now_s += TRUSTED_S - 0.1
    assert fresh.get("a") == 0
    source.now_s += 0.1
    with pytest.raises(QueueUnavailable):
        fresh.get("a")


def test_what_was_not_known_is_not_let_in() -> None:
    """Neither while Redis is asked nor in the second in which it is not."""
    source = Source()
    source.away = True
    fresh = source.fresh()
    for _ in range(3):
        with pytest.raises(QueueUnavailable):
            fresh.get("stranger")
    assert source.asked == ["stranger"]


def test_a_redis_that_is_away_is_tried_once_a_second() -> None:
    """And its answer holds as soon as there is one."""
    source = Source()
    fresh = source.fresh()
    fresh.get("a")
    source.away = True
    source.now_s += FRESH_S
    for _ in range(100):
        assert fresh.get("a") == 0
    assert source.asked == ["a", "a"]
    source.away, source.value = False, 2
    source.now_s += TRY_AGAIN_S
    assert fresh.get("a") == 2


def test_nobody_waits_for_the_one_who_tries() -> None:
    """A Redis that hangs holds up one request in a second, not all of them."""
    source = Source()
    fresh = source.fresh()
    fresh.get("a")
    source.away = True
    source.now_s += FRESH_S
    fresh.get("a")
    source.now_s += TRY_AGAIN_S
    source.held = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        tries = pool.submit(fresh.get, "a")
        while len(source.asked) < 3:
            pass
        assert fresh.get("a") == 0
        source.held.set()
        assert tries.result(10) == 0


def test_strangers_fill_no_memory_and_drive_out_nobody() -> None:
    """Names in use stay; of the others the oldest go."""
    source = Source()
    fresh = source.fresh(most=10)
    fresh.get("a")
    for number in range(100):
        source.now_s += FRESH_S / 5
        fresh.get(f"stranger-{number}")
        fresh.get("a")
    assert len(fresh._kept) == 10
    assert "a" in fresh._kept
