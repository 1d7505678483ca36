"""What every process of the stack holds while something runs, read again and again."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

import psutil

from benchmarks.figures import Sample

EVERY_S = 0.5
MIB = 2**20
# Flat: at most this much more at the peak of the second half than at that of the first.
FLAT = 1.10
PARTS = ("API", "keeper", "node", "worker, chat", "worker, embed", "Redis, queue", "Redis, cache")
# By a word of their command; Redis's two are told apart by their ports.
_MARKS = {
    "app:create_app()": "API",
    "app.keeper": "keeper",
    "chat.": "worker, chat",
    "embed.": "worker, embed",
}


@dataclass(frozen=True, slots=True)
class Reading:
    """Resident memory per part, in MiB, and when it was looked at."""

    at_s: float
    mib: Mapping[str, float]


def part_of(command: Sequence[str], queue_port: int, cache_port: int) -> str | None:
    """Which part a process is by its command; None for one that is none of them.

    A child that Redis forks to write its file bears another name, and shares its parent's memory.
    """
    words = [word for line in command for word in line.split()]
    if words and words[0].endswith("redis-server"):
        ports = {f":{queue_port}": "Redis, queue", f":{cache_port}": "Redis, cache"}
        return next((ports[end] for end in ports if words[-1].endswith(end)), None)
    if words[1:3] == ["-m", "worker"]:
        return "node"
    for word in words[1:]:
        for mark, part in _MARKS.items():
            if word == mark or (mark.endswith(".") and word.startswith(mark) and "@" not in word):
                return part
    return None


def read(root: int, queue_port: int, cache_port: int) -> Reading:
    """The tree of process ``root`` now; gunicorn's two processes are one part."""
    held = dict.fromkeys(PARTS, 0.0)
    for process in psutil.Process(root).children(recursive=True):
        # Between the look at the tree and this one it may have ended.
        with suppress(psutil.Error):
            part = part_of(process.cmdline(), queue_port, cache_port)
            if part is not None:
                held[part] += process.memory_info().rss / MIB
    return Reading(time.perf_counter(), held)


@contextmanager
def watched(root: int, queue_port: int, cache_port: int) -> Iterator[list[Reading]]:
    """Readings, of which the first is there at once, until the block ends."""
    readings = [read(root, queue_port, cache_port)]
    ended = threading.Event()

    def look() -> None:
        while not ended.wait(EVERY_S):
            readings.append(read(root, queue_port, cache_port))

    thread = threading.Thread(target=look, name="memory")
    thread.start()
    try:
        yield readings
    finally:
        ended.set()
        thread.join()
        readings.append(read(root, queue_port, cache_port))


def halves(readings: Sequence[Reading]) -> tuple[Sample, Sample]:
    """The peaks of every part in the first half of the time, and in the second."""
    middle_s = (readings[0].at_s + readings[-1].at_s) / 2
    first = [reading for reading in readings if reading.at_s <= middle_s]
    second = [reading for reading in readings if reading.at_s > middle_s]
    return peaks(first), peaks(second)


def peaks(readings: Sequence[Reading]) -> Sample:
    """The most that each part held in any of the readings, of which there is at least one."""
    return {part: max(reading.mib[part] for reading in readings) for part in readings[0].mib}


def growth(first: Sample, second: Sample) -> float:
    """How many times its earlier peak the part that grew most held later."""
    return max(second[part] / first[part] for part in first if first[part])
