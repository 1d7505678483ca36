"""How long this process's threads ran, and how long they queued for a core.

From ``/proc/self/task/<tid>/schedstat``: nanoseconds on a core, nanoseconds on the run queue.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

_TASKS = Path("/proc/self/task")


@dataclass(frozen=True, slots=True)
class Times:
    """Since some moment, of all threads together."""

    ran_ns: int
    queued_ns: int

    def queued_share(self) -> float:
        """How much of the time in which the threads wanted a core they had none."""
        wanted = self.ran_ns + self.queued_ns
        return self.queued_ns / wanted if wanted > 0 else 0.0


Threads = dict[str, Times]


def read() -> Threads | None:
    """Each thread's times since its start; ``None`` where the kernel does not tell."""
    threads: Threads = {}
    try:
        tasks = list(_TASKS.iterdir())
    except OSError:
        return None
    for task in tasks:
        try:
            ran, queued, _ = (task / "schedstat").read_text().split()
        except (OSError, ValueError):  # it ended meanwhile, or the kernel keeps no such file
            continue
        threads[task.name] = Times(int(ran), int(queued))
    return threads if any(each.ran_ns for each in threads.values()) else None


def between(before: Threads, after: Threads) -> Times:
    """What was added in a window; a thread that began or ended in it does not count."""
    pairs = [(before[thread], after[thread]) for thread in after.keys() & before.keys()]
    return Times(
        sum(later.ran_ns - sooner.ran_ns for sooner, later in pairs),
        sum(later.queued_ns - sooner.queued_ns for sooner, later in pairs),
    )
