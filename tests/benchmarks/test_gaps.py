"""Gaps between arrivals of text, before a disturbance and during it."""

from __future__ import annotations

import pytest

from benchmarks.gaps import gaps_around


def test_gaps_are_told_apart_by_the_disturbance() -> None:
    """Every gap that has a part in it belongs to it; what comes after the first token does not."""
    stream = [0.0, 0.1, 0.2, 0.3, 0.9, 1.3, 9.0]
    gaps = gaps_around([stream], sent_s=0.35, first_s=1.2)
    assert gaps.before_p50_ms == pytest.approx(100)
    assert gaps.during_p99_ms == pytest.approx(600)
    assert gaps.ratio == pytest.approx(6)


def test_gaps_are_within_a_stream() -> None:
    """Two streams that answer in turn each have their own."""
    gaps = gaps_around([[0.0, 1.0, 2.0], [0.5, 1.5, 2.5]], sent_s=1.6, first_s=2.4)
    assert (gaps.before_p50_ms, gaps.during_p99_ms) == (1000, 1000)


@pytest.mark.parametrize("sent_s", [-1.0, 5.0])
def test_a_side_without_gaps_is_refused(sent_s: float) -> None:
    """Rather than counted as none."""
    with pytest.raises(ValueError, match="gaps before"):
        gaps_around([[0.0, 1.0]], sent_s=sent_s, first_s=sent_s + 10)
