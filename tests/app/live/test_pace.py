"""Rates from counters that grow in steps."""

from __future__ import annotations

import pytest

from app.live.pace import Pace


def test_a_steady_rate_is_steady_although_it_is_told_in_steps() -> None:
    """Ten a second, told every two: never less than eight, once the window is full."""
    pace = Pace(window_s=6)
    rates = [pace.feed(second, {"m": second // 2 * 20.0})["m"] for second in range(30)]
    assert min(rates[8:]) >= 8
    assert max(rates[8:]) <= 12.1


def test_a_counter_that_began_anew_gives_no_negative_rate() -> None:
    """Though all totals should only rise."""
    pace = Pace()
    pace.feed(0, {"m": 1_000})
    assert pace.feed(1, {"m": 3})["m"] == 0


def test_what_is_new_began_at_nothing() -> None:
    """A model's first tokens count from its first telling on."""
    pace = Pace()
    pace.feed(0, {})
    assert pace.feed(2, {"m": 10})["m"] == pytest.approx(5)


def test_after_a_pause_it_begins_anew() -> None:
    """Nobody watched for an hour: the average over it is not shown as the rate of now."""
    pace = Pace()
    pace.feed(0, {"m": 0})
    assert pace.feed(3_600, {"m": 1_000_000})["m"] == 0
