"""Every queue at one moment: how much waits and runs, and which workers report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.place import Place
from tasks.catalog import load_catalog
from tasks.records import QueueDepths
from tasks.roster import Report
from tasks.settings import QueueSettings


@dataclass(frozen=True, slots=True)
class Worker:
    """A worker's state as it reports it; ``gone`` when its process is known to have ended."""

    node: str
    pid: int
    state: str
    slots: int
    reason: str

    @classmethod
    def of(cls, report: Report) -> Worker:
        """The worker of a report. One that could not load its model says why even when gone."""
        gone = report.gone and report.state != "failed"
        state = "gone" if gone else report.state
        return cls(report.node, report.pid, state, report.slots, report.reason or "")


@dataclass(frozen=True, slots=True)
class Queue:
    """One queue and its workers."""

    depths: QueueDepths
    workers: tuple[Worker, ...]

    @property
    def slots(self) -> int:
        """How many jobs its workers can run at once now."""
        return sum(worker.slots for worker in self.workers if worker.state == "ready")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All queues, and the keeper that reported last. ``now_s`` is Redis's clock."""

    now_s: float
    keeper: str | None
    queues: tuple[Queue, ...]


def read_snapshot(place: Place, known: Sequence[str]) -> Snapshot:
    """The queues that ever took a job, and those that are ``known`` besides."""
    depths = {found.queue: found for found in place.records.queues()}
    for name in known:
        if name not in depths:
            depths[name] = place.records.queue(name)
    queues = tuple(_queue(place, depths[name]) for name in sorted(depths))
    return Snapshot(place.records.now_s(), place.roster.keeper(), queues)


def known_queues(settings: QueueSettings) -> list[str]:
    """The catalog's queues; raises ``CatalogError``.

    A model that does not load may never have had a job, and is what one looks for.
    """
    return [model.queue for model in load_catalog(settings)]


def _queue(place: Place, depths: QueueDepths) -> Queue:
    reports = place.roster.workers(depths.queue)
    return Queue(depths, tuple(Worker.of(report) for _, report in sorted(reports.items())))
