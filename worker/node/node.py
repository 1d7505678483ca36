"""The node itself: children as they are assigned, alive as long as they are, and none twice."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import time
from collections.abc import Iterator

from tasks.connection import connect
from tasks.fleet import Assignment
from tasks.live_catalog import LiveCatalog
from tasks.measuring import Reporter
from tasks.model import Model
from tasks.roster import Report
from worker.node import locks
from worker.node.child import WorkerChild
from worker.node.link import Link, Seen
from worker.node.metrics import NodeMetrics
from worker.node.settings import NodeSettings
from worker.node.survey import Survey

log = logging.getLogger(__name__)

# Longest time until a death is noticed where the kernel's signal for it got lost.
ROUND_S = 0.1
# After a fault of its own, so that it does not fill its log.
FAULT_PAUSE_S = 0.5
# How much longer than its children the node itself waits: they were killed by then.
GRACE_S = 2.0


class NodeRefused(Exception):
    """Raised when this node must not start; the message says what to do."""


class Node:
    """One supervisor process.

    1. It takes the lock of its name: a second node of that name would end the first one's workers.
    2. ``_round``, at every death and every news, and ten times a second: each child goes one step
       on as the assignments read last want it, and what came of it is told to the ``Link``.
    3. SIGTERM or SIGINT: all children are told to end, at once; the slow are killed. The report is
       withdrawn, the assignments stay: the next start brings everything back.
    """

    def __init__(self, settings: NodeSettings) -> None:
        """Raises ``CatalogError`` for a catalog that cannot be used."""
        self._settings = settings
        self._name = settings.node_name
        client = connect(settings.queue_url)
        catalog = LiveCatalog(settings, client)
        self._metrics = NodeMetrics()
        self._reporter = Reporter(client, settings, self._metrics.registry, f"node@{self._name}")
        self._survey = Survey(settings, catalog)
        self._news: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._link = Link(settings, catalog, self._survey, self._wake)
        self._children: dict[str, WorkerChild] = {}
        self._unknown: set[str] = set()
        self._is_told_to_end = False

    def run(self) -> None:
        """Until a signal ends it. Raises ``NodeRefused`` when its name is taken.

        In the main thread: its signals arrive there, and its children end with the thread that
        started them.
        """
        with self._alone():
            self._hear_signals()
            log.info("node %s begins", self._name)
            self._survey.start()
            self._link.start()
            self._reporter.start()
            while not self._is_told_to_end:
                self._round()
                self._wait(ROUND_S)
            self._end()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        path = self._settings.run_folder / f"node@{self._name}.lock"
        try:
            lock = locks.take(path)
        except OSError as error:
            raise NodeRefused(f"{path} cannot be locked: {error.strerror}") from error
        if lock is None:
            pid = locks.holder(path)
            other = f"process {pid}" if pid else "another process"
            raise NodeRefused(
                f"a node named {self._name!r} is at work in {self._settings.data_dir} already, "
                f"{other}: stop it, or give this one another name with MILLRACE_NODE"
            )
        try:
            locks.sign(lock, os.getpid())
            yield
        finally:
            os.close(lock)

    def _hear_signals(self) -> None:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_end)
        signal.signal(signal.SIGCHLD, lambda *_: self._wake())

    def _on_end(self, *_: object) -> None:
        self._is_told_to_end = True
        self._wake()

    def _wake(self) -> None:
        # Of all queues the one that may be used inside a signal handler.
        self._news.put(None)

    def _wait(self, most_s: float) -> None:
        with contextlib.suppress(queue.Empty):
            self._news.get(timeout=most_s)
            while True:
                self._news.get_nowait()

    def _round(self) -> None:
        seen = self._link.seen
        if seen is not None:
            assigned = self._known(seen)
            self._add(assigned)
            for name, child in self._children.items():
                order = _order(child, assigned.get(name))
                self._step(child, order, seen.reports.get(name))
            self._drop()
        self._tell()

    def _known(self, seen: Seen) -> dict[str, tuple[Model, Assignment]]:
        """What is assigned, with its definition as it is now."""
        unknown = seen.assignments.keys() - seen.models.keys()
        for name in unknown - self._unknown:
            log.warning("model %s is assigned to this node, and no catalog has it", name)
        self._unknown = unknown
        return {
            name: (seen.models[name], assignment)
            for name, assignment in seen.assignments.items()
            if name not in unknown
        }

    def _add(self, assigned: dict[str, tuple[Model, Assignment]]) -> None:
        for name, (model, assignment) in assigned.items():
            if name not in self._children and assignment.order == "serve":
                self._children[name] = WorkerChild(model, assignment.device, self._settings)

    def _step(self, child: WorkerChild, order: str, report: Report | None) -> None:
        before = child.deaths
        try:
            child.step(order, report)
            self._metrics.died(child.model.name, child.deaths - before)
        except Exception:  # whatever it is, the other children must not end for it
            log.exception("worker of %s: a step failed", child.model.name)
            time.sleep(FAULT_PAUSE_S)

    def _drop(self) -> None:
        """Forget those that are over; what is to be in their place comes in the next round."""
        for name, child in list(self._children.items()):
            if child.is_over:
                del self._children[name]
                self._wake()

    def _tell(self) -> None:
        self._link.tell(tuple(child.standing() for child in self._children.values()))

    def _end(self) -> None:
        log.info("node %s ends", self._name)
        give_up_at = time.monotonic() + self._settings.node_stop_s + GRACE_S
        while self._children and time.monotonic() < give_up_at:
            for child in self._children.values():
                self._step(child, "stop", None)
            self._drop()
            self._tell()
            self._wait(ROUND_S)
        self._survey.close()
        self._link.close()
        self._reporter.close()


def _order(child: WorkerChild, assigned: tuple[Model, Assignment] | None) -> str:
    """What a child is to do; one that is not what was assigned makes room for what is."""
    if assigned is None:
        return "drain"
    model, assignment = assigned
    if assignment.order == "serve" and not child.does(model, assignment.device):
        return "drain"
    return assignment.order
