"""The node's conversation with Redis: what it is to do, and what it says of itself.

In a thread of its own: a Redis that is away, or hangs, changes nothing for the workers that run.
What was read last holds until something else is read.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import redis

from tasks import hosts
from tasks.connection import connect, now_ms
from tasks.fleet import Assignment, Child, Fleet, NodeReport
from tasks.live_catalog import LiveCatalog
from tasks.model import Model
from tasks.roster import Report, Roster
from worker.node.child import Standing
from worker.node.launch import worker_name
from worker.node.settings import NodeSettings
from worker.node.survey import Survey, Surveyed

log = logging.getLogger(__name__)

LOOK_S = 0.2
REPORT_S = 1.0
REPORT_TTL_MS = 6000
TIMEOUT_S = 2.0
CLOSE_S = 2.0
# A worker whose report has expired for so long, with Redis well, renews the leases of nothing.
SILENT_S = 10.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What was read last: assignments, the catalog, and the workers' reports, each by model."""

    assignments: dict[str, Assignment]
    models: dict[str, Model]
    reports: dict[str, Report] = field(default_factory=dict)


class Link:
    """Reads and reports, a few times a second; ``seen`` is None until Redis answered once."""

    def __init__(
        self, settings: NodeSettings, catalog: LiveCatalog, survey: Survey, wake: Callable[[], None]
    ) -> None:
        """``wake`` is called when there is something new to do."""
        self.seen: Seen | None = None
        self._name = settings.node_name
        self._catalog = catalog
        self._survey = survey
        self._wake = wake
        self._redis = connect(settings.queue_url, timeout_s=TIMEOUT_S)
        self._fleet = Fleet(self._redis, settings)
        self._roster = Roster(self._redis, settings)
        self._children: tuple[Standing, ...] = ()
        self._reported: tuple[Standing, ...] = ()
        self._report_at = self._look_all_at = self._ask_at = 0.0
        self._is_away = False
        self._well_since: float | None = None
        self._started_ms = 0
        self._over = threading.Event()
        self._soon = threading.Event()
        self._thread = threading.Thread(target=self._run, name="link", daemon=True)

    def start(self) -> None:
        """Begin to read and report."""
        self._thread.start()

    def tell(self, children: tuple[Standing, ...]) -> None:
        """How the children are doing now; a change is reported at once."""
        if children != self._children:
            self._children = children
            self._survey.watch(tuple(each.process[0] for each in children))
            self._soon.set()

    def close(self) -> None:
        """Withdraw the report, unless Redis takes too long for that."""
        self._over.set()
        self._soon.set()
        self._thread.join(CLOSE_S)

    def _run(self) -> None:
        while not self._over.is_set():
            self._soon.clear()
            self._try(self._round)
            self._soon.wait(LOOK_S)
        self._try(lambda: self._fleet.retire(self._name))

    def _try(self, task: Callable[[], None]) -> None:
        try:
            task()
        except redis.RedisError as error:
            if not self._is_away:
                log.warning("Redis does not answer (%s): workers go on", type(error).__name__)
            self._is_away, self._well_since = True, None
        except Exception:  # what lies in Redis may be another version's: the workers go on
            log.exception("a round of the node failed")
            self._over.wait(REPORT_S)

    def _round(self) -> None:
        now = now_ms(self._redis)
        if self._is_away:
            log.info("Redis answers again")
        self._is_away = False
        self._well_since = self._well_since or time.monotonic()
        children = self._children
        self._look(children, now)
        self._ask_to_drain(children)
        if self._survey.last is not None and self._is_report_due(children):
            self._report(children, self._survey.last, now)

    def _look(self, children: tuple[Standing, ...], now: int) -> None:
        before = self.seen
        self.seen = Seen(
            self._fleet.assignments(self._name),
            {model.name: model for model in self._catalog.now()},
            self._reports(children, before.reports if before else {}, now),
        )
        if self.seen != before:
            self._wake()

    def _reports(
        self, children: tuple[Standing, ...], before: dict[str, Report], now: int
    ) -> dict[str, Report]:
        """The last report of each child's worker, looked for more often while much happens."""
        at = time.monotonic()
        look_at_all = at >= self._look_all_at
        if look_at_all:
            self._look_all_at = at + REPORT_S
        found = {}
        for child in children:
            name = child.model.name
            report = before.get(name)
            if look_at_all or child.state != "running":
                report = self._report_of(child, report, now)
            if report is not None:
                found[name] = report
        return found

    def _report_of(self, child: Standing, before: Report | None, now: int) -> Report | None:
        reports = self._roster.all_workers(child.model.queue).values()
        found = next((each for each in reports if (each.pid, each.born) == child.process), before)
        if found is None or (found.pid, found.born) != child.process:
            return None
        return None if found.expires_ms < now and self._is_well_for_long() else found

    def _is_well_for_long(self) -> bool:
        well_since = self._well_since
        return well_since is not None and time.monotonic() - well_since > SILENT_S

    def _ask_to_drain(self, children: tuple[Standing, ...]) -> None:
        """Say it again every second until the worker's report says that it was heard."""
        if time.monotonic() < self._ask_at or self.seen is None:
            return
        for child in children:
            report = self.seen.reports.get(child.model.name)
            if child.to_drain and report is not None and report.state != "draining":
                self._ask_at = time.monotonic() + REPORT_S
                name = worker_name(child.model, self._name)
                self._roster.ask_to_drain(child.model.queue, name)

    def _is_report_due(self, children: tuple[Standing, ...]) -> bool:
        return time.monotonic() >= self._report_at or children != self._reported

    def _report(self, children: tuple[Standing, ...], surveyed: Surveyed, now: int) -> None:
        if not self._started_ms:
            self._started_ms = now
            self._warn_of_a_namesake()
        machine = surveyed.machine
        report = NodeReport(
            name=self._name,
            host=hosts.this_host(),
            pid=os.getpid(),
            born=hosts.born(os.getpid()) or 0,
            expires_ms=now + REPORT_TTL_MS,
            started_ms=self._started_ms,
            cores=machine.cores,
            memory_bytes=machine.memory_bytes,
            budget_bytes=machine.budget_bytes,
            gpus=machine.gpus,
            gpu_budgets=dict(machine.gpu_budgets),
            engines=tuple(sorted(machine.engines)),
            offers=surveyed.offers,
            children={each.model.name: child_of(each, surveyed, now) for each in children},
        )
        self._fleet.report(report)
        self._reported = children
        self._report_at = time.monotonic() + REPORT_S

    def _warn_of_a_namesake(self) -> None:
        """In another data folder, or on another machine: the lock does not tell of that one."""
        other = self._fleet.nodes().get(self._name)
        if other is not None:
            log.warning(
                "another node named %r reported a moment ago, process %d of the host %s: if it"
                " still runs, give one of them another name with MILLRACE_NODE",
                *(self._name, other.pid, other.host),
            )


def child_of(standing: Standing, surveyed: Surveyed, now: int) -> Child:
    """A child as the fleet is told of it: with what it holds, or was offered with if that is more.

    ``now`` is Redis's clock, in ms.
    """
    name = standing.model.name
    offer = surveyed.offers.get(name)
    seats = offer.seats if offer is not None else ()
    seat = next((each for each in seats if each.device == standing.device), None)
    held = surveyed.memory.get(standing.process[0], 0) if standing.state != "paused" else 0
    return Child(
        model=name,
        device=standing.device,
        fingerprint=standing.model.fingerprint,
        state=standing.state,
        since_ms=now - int((time.monotonic() - standing.since_s) * 1000),
        pid=standing.process[0],
        restarts=standing.restarts,
        reason=standing.reason,
        host_bytes=max(held, seat.host_bytes if seat else 0),
        gpu_bytes=seat.gpu_bytes if seat else 0,
    )
