"""The window: how many jobs of batches a model is given at once, and whose turn it is. Pure.

Batches yield: they never fill a model's slots, so that whoever waits for an answer finds one free,
and they never let its engine run dry either.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job
from tasks.roster import Report

PACKED_A_WORKER = 4
"""Packed jobs a worker is given at once: one is computed, the next are ready."""

NOBODY_READY = 1
"""A job that waits is why a model is loaded; more of them would not load it sooner."""

SHORTEST_S, LONGEST_S, SHARE_OF_AGE = 2.0, 60.0, 50
"""Results are kept after so long: soon for a batch that is young, rarely for one of hours."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A batch among those of its model: how much it has in flight, and jobs that could follow.

    ``served_at`` tells who was given a job last.
    """

    batch_id: str
    in_flight: int
    following: int
    served_at: int = 0


def window(kind: str, reports: Iterable[Report]) -> int:
    """How many jobs a model of this kind is given at once, for all batches together."""
    ready = [report for report in reports if report.state == "ready"]
    if not ready:
        return NOBODY_READY
    if kind == "embed":
        return PACKED_A_WORKER * len(ready)
    return max(sum(report.slots - max(1, report.slots // 4) for report in ready), 1)


def rooms(size: int, standings: Sequence[Standing]) -> dict[str, int]:
    """How many more jobs each batch may have in flight: who has the fewest is next."""
    free = size - sum(each.in_flight for each in standings)
    given = {each.batch_id: 0 for each in standings}
    waiting = [each for each in standings if each.following > 0]
    while free > 0 and waiting:
        first = min(
            waiting, key=lambda each: (each.in_flight + given[each.batch_id], each.served_at)
        )
        given[first.batch_id] += 1
        free -= 1
        if given[first.batch_id] == first.following:
            waiting.remove(first)
    return given


def width(job: Job) -> int:
    """How many slots a job takes: as many as it has choices."""
    match job:
        case ChatJob():
            return job.n
        case CompletionJob():
            return job.n * (len(job.texts) + len(job.tokens))
        case EmbedJob():
            return 1


def keep_after_s(age_s: float) -> float:
    """How long results of a batch of this age wait to be kept."""
    return max(SHORTEST_S, min(LONGEST_S, age_s / SHARE_OF_AGE))
