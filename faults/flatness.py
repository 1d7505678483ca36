"""Is memory flat? What parts held, read again and again, and how the end differs from the start."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import median

from faults.part import Reading
from faults.yard import Yard

# An allocator keeps what a peak took: growth is what goes beyond both of these.
SHARE, MIB = 0.15, 2**20
SLACK_BYTES = 12 * MIB
SLACK_DESCRIPTORS = 16


class Gauge:
    """Readings of all parts; only ``survivors`` and Redis's own memory are judged.

    A part that was restarted holds what a young process holds, and says nothing of leaks.
    """

    def __init__(self, yard: Yard, survivors: Iterable[str]) -> None:
        self._yard = yard
        self._survivors = tuple(survivors)
        self.readings: dict[str, list[Reading]] = defaultdict(list)
        self.stored_bytes: list[int] = []

    def read(self) -> None:
        """Take a reading of every part that runs, and of what Redis stores."""
        for name, reading in self._yard.readings().items():
            if reading.rss_bytes:
                self.readings[name].append(reading)
        self.stored_bytes.append(int(self._yard.redis.info("memory")["used_memory"]))

    def grown(self) -> list[str]:
        """What is not flat."""
        notes = [] if self.stored_bytes else ["no reading was taken"]
        for name in self._survivors:
            rss = ends([reading.rss_bytes for reading in self.readings[name]])
            open_files = ends([reading.descriptors for reading in self.readings[name]])
            if too_much(*rss):
                notes.append(f"{name} grew from {rss[0] / MIB:.0f} to {rss[1] / MIB:.0f} MiB")
            if open_files[1] > open_files[0] + SLACK_DESCRIPTORS:
                notes.append(f"{name} went from {open_files[0]} to {open_files[1]} descriptors")
        stored = ends(self.stored_bytes)
        if too_much(*stored):
            notes.append(f"Redis stores {stored[1] / MIB:.0f} MiB instead of {stored[0] / MIB:.0f}")
        return notes

    def said(self) -> str:
        """First and last of every part: memory in MiB, descriptors."""
        parts = [
            f"{name} {first.rss_bytes // MIB}-{last.rss_bytes // MIB} MiB"
            f" {first.descriptors}-{last.descriptors} fds"
            for name, (first, *_, last) in self.readings.items()
            if len(self.readings[name]) > 1
        ]
        stored = [f"{each / MIB:.1f}" for each in ends(self.stored_bytes)]
        return f"stored {'-'.join(stored)} MiB; {', '.join(parts)}"


def ends(values: Sequence[int]) -> tuple[int, int]:
    """The middle of the first fifth of the values, and that of the last; zeros without any."""
    if not values:
        return 0, 0
    fifth = max(len(values) // 5, 1)
    return int(median(values[:fifth])), int(median(values[-fifth:]))


def too_much(first: int, last: int) -> bool:
    """Whether ``last`` is more than peaks explain."""
    return last > first * (1 + SHARE) and last > first + SLACK_BYTES
