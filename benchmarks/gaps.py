"""How long the reader of a running stream waits for more text, before a disturbance and in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

from benchmarks.figures import percentile


@dataclass(frozen=True, slots=True)
class Gaps:
    """Milliseconds between arrivals of text: the middle before, and the 99th percentile during."""

    before_p50_ms: float
    during_p99_ms: float

    @property
    def ratio(self) -> float:
        """How many times longer."""
        return self.during_p99_ms / self.before_p50_ms


def gaps_around(streams: Sequence[Sequence[float]], sent_s: float, first_s: float) -> Gaps:
    """The gaps of all streams before ``sent_s``, and those that touch ``sent_s`` to ``first_s``.

    A gap belongs to the disturbance with any part of it: the one in which it began, and the one
    in which its first token was computed too. Raises ``ValueError`` when either side has none.
    """
    before: list[float] = []
    during: list[float] = []
    for earlier_s, later_s in _steps(streams):
        if later_s <= sent_s:
            before.append(1000 * (later_s - earlier_s))
        elif earlier_s < first_s:
            during.append(1000 * (later_s - earlier_s))
    if not before or not during:
        raise ValueError(f"{len(before)} gaps before, and {len(during)} during the disturbance")
    return Gaps(median(before), percentile(during, 99))


def _steps(streams: Sequence[Sequence[float]]) -> Iterator[tuple[float, float]]:
    for arrivals_s in streams:
        yield from pairwise(arrivals_s)
