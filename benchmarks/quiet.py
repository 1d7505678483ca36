"""Was the machine ours? Processor time that others took while a contender was measured."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psutil

# Of all processor time. Counting by ticks alone is wrong by two or three parts in a hundred.
DISTURBED_ABOVE = 0.08
IDLE_BELOW = 0.08
IDLE_WAIT_S = 60.0
_LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Taken:
    """Shares of all processor time: ``others`` includes what the hypervisor gave away."""

    others: float
    load_1_min: float

    @property
    def disturbed(self) -> bool:
        """Whether the measurement should be repeated."""
        return self.others > DISTURBED_ABOVE


class Watch:
    """Started before a contender runs, read after it has ended."""

    def __init__(self, server_pids: Sequence[int]) -> None:
        self._pids = server_pids
        self._began_s = time.monotonic()
        self._busy_s = busy_s()
        self._own_s = own_s(server_pids)

    def read(self) -> Taken:
        """What was taken since the start."""
        own_s_now = own_s(self._pids)
        wall_s = time.monotonic() - self._began_s
        others_s = (busy_s() - self._busy_s) - (own_s_now - self._own_s)
        share = max(others_s, 0.0) / (wall_s * cores())
        return Taken(share, os.getloadavg()[0])


def wait_until_idle(most_s: float = IDLE_WAIT_S) -> float:
    """Wait, for ``most_s`` at most, until nothing computes; the busy share that was seen last."""
    give_up_at = time.monotonic() + most_s
    while True:
        before_s, began_s = busy_s(), time.monotonic()
        time.sleep(_LOOK_S)
        share = (busy_s() - before_s) / ((time.monotonic() - began_s) * cores())
        if share < IDLE_BELOW or time.monotonic() > give_up_at:
            return share


def busy_s() -> float:
    """Processor time that this machine has spent on anything."""
    times = psutil.cpu_times()
    return float(times.user + times.nice + times.system + times.irq + times.softirq + times.steal)


def own_s(pids: Sequence[int]) -> float:
    """Processor time of this process, of its children that ended, and of the trees of ``pids``."""
    total = 0.0
    for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN):
        used = resource.getrusage(who)
        total += used.ru_utime + used.ru_stime
    for pid in pids:
        root = psutil.Process(pid)
        for process in (root, *root.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def cores() -> int:
    """Processors of the machine."""
    return os.cpu_count() or 1
