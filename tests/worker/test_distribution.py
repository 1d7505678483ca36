"""Numbers by their bounds, as Prometheus wants them."""

from __future__ import annotations

from worker.distribution import Distribution


def test_a_number_falls_below_its_own_bound() -> None:
    """Bounds are inclusive, and each row counts all that is not above it."""
    spread = Distribution((1, 2.5))
    for value in (0.5, 1, 2, 2.5, 9):
        spread.add(value)
    assert spread.cumulated() == [("1.0", 2), ("2.5", 4), ("+Inf", 5)]
    assert spread.sum == 15


def test_the_same_number_many_times_is_one_step() -> None:
    """As often as it was said, in its bound and in the sum."""
    spread = Distribution((1,))
    spread.add(0.5, 4)
    assert spread.cumulated() == [("1.0", 4), ("+Inf", 4)]
    assert spread.sum == 2
