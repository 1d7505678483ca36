"""Waiting for a model, while Redis comes and goes."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis

from app.admin.survey import Standing, Survey
from app.admin.waiting import wait_until
from app.client import Client
from tasks.gateway import Gateway

NOBODY = Client({})


@pytest.fixture
def standing(gateway: Gateway) -> Standing:
    """Any model."""
    return Survey(gateway).model(gateway.catalog.find("absent"))


def failing(times: int, then: Standing) -> Callable[[], Standing]:
    """A look that fails so often first."""
    left = [times]

    def read() -> Standing:
        left[0] -= 1
        if left[0] >= 0:
            raise redis.ConnectionError("away")
        return then

    return read


def test_a_redis_that_is_away_for_a_moment_does_not_end_a_wait(standing: Standing) -> None:
    """Minutes of loading are not lost to it."""
    found = wait_until(lambda _now, _s: True, failing(2, standing), NOBODY, 20)
    assert found is standing


def test_a_redis_that_stays_away_is_told_in_the_end(standing: Standing) -> None:
    """When the time is up, and not before."""
    began = time.monotonic()
    with pytest.raises(redis.ConnectionError):
        wait_until(lambda _now, _s: True, failing(10**9, standing), NOBODY, 0.5)
    assert time.monotonic() - began >= 0.5


def test_without_a_wait_there_is_one_look(standing: Standing) -> None:
    """Answered at once, whatever it shows."""
    looks: list[float] = []

    def never(_now: Standing, waited_s: float) -> bool:
        looks.append(waited_s)
        return False

    began = time.monotonic()
    assert wait_until(never, lambda: standing, NOBODY, 0) is standing
    assert time.monotonic() - began < 0.1
    assert looks == []
