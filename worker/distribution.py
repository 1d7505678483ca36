"""How numbers are spread: how many fell below each bound, and their sum.

One thread adds, others read; without a lock, for the one that adds decodes. A reader may see a
number counted that is not in the sum yet.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


class Distribution:
    """Counts by upper bounds, each number in the first bound that is not below it."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = tuple(bounds)
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum = 0.0

    def add(self, value: float, times: int = 1) -> None:
        """Count ``value``, so many times."""
        self.counts[bisect_left(self.bounds, value)] += times
        self.sum += value * times

    def cumulated(self) -> list[tuple[str, float]]:
        """Each bound, as Prometheus writes it, and how many numbers are not above it."""
        found: list[tuple[str, float]] = []
        total = 0
        names = [*map(repr, map(float, self.bounds)), "+Inf"]
        for name, count in zip(names, list(self.counts), strict=True):
            total += count
            found.append((name, total))
        return found
