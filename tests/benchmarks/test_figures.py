"""Medians, percentiles and ratios of rounds."""

from __future__ import annotations

from benchmarks.figures import (
    Answered,
    Spread,
    first_token_ms,
    percentile,
    ratio,
    spread,
    tokens_per_s,
)


def test_spread_has_the_middle_and_both_ends() -> None:
    """Of an even number of values, the middle is the mean of two."""
    assert spread([4.0, 1.0, 3.0, 2.0]) == Spread(2.5, 1.0, 4.0)


def test_percentile_is_a_value_that_was_measured() -> None:
    """Nearest rank: p99 of 300 is the fourth from the top, and p99 of one is itself."""
    assert percentile([float(n) for n in range(1, 301)], 99) == 297
    assert percentile([7.0], 99) == 7


def test_ratio_is_taken_round_by_round() -> None:
    """A machine that was slow in one round for both leaves the ratio alone."""
    ours = [{"speed": 50.0}, {"speed": 5.0}, {"speed": 60.0}]
    bare = [{"speed": 100.0}, {"speed": 10.0}, {"speed": 100.0}]
    assert ratio(ours, bare, "speed") == Spread(0.5, 0.5, 0.6)


def test_ratio_of_what_one_side_does_not_measure_is_none() -> None:
    """Not every contender has every metric."""
    assert ratio([{}], [{"speed": 1.0}], "speed") is None


def test_speed_counts_all_streams_from_the_first_start_to_the_last_end() -> None:
    """Streams that overlap share the time."""
    answers = [Answered(0.0, 0.1, 1.0, 100), Answered(0.5, 0.8, 2.0, 100)]
    assert tokens_per_s(answers) == 100
    assert round(first_token_ms(answers)) == 200
