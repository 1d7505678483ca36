"""The reconciler: makes good what a death left behind. One is elected among all keepers.

Every round, per queue: orphans (running, lease over or process dead) return to waiting or become
dead letters; tickets are published until there are as many as waiting jobs (or enough of them,
where a handler claims until nothing waits). Jobs whose deadline passed while they waited expire,
those whose listener died are cancelled, due webhooks are handed to Celery. Every now and then all
open jobs are looked at. Each step is safe to repeat, and to do twice at once.
"""

from __future__ import annotations

import threading
import time

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from app.metrics.kept import KeeperMetrics
from tasks.celery import KEEPER_QUEUE, WEBHOOK_TASK, publish_ticket
from tasks.errors import UnknownJob
from tasks.ledger import Ledger
from tasks.roster import Roster
from tasks.settings import QueueSettings
from tasks.upkeep import Upkeep

log = structlog.get_logger(__name__)

# Most tickets published for one queue in one round.
TICKETS_A_ROUND = 1_000
# Steps that take at most so many jobs a call are repeated while they are full, up to so often.
REPEATS = 20
FULL = 100
# Between two looks at all open jobs and two cleanings of the index.
AUDIT_S = 30.0
WEBHOOKS_A_ROUND = 50
# A webhook whose task was lost is handed out again after this long.
WEBHOOK_AGAIN_S = 120.0


class Reconciler:
    """One candidate for the seat.

    1. ``run`` stands for election every round, and works while elected.
    2. After a start, a lost election or a Redis that was away it first watches for a while:
       whoever could not renew a lease in that time must not be taken for dead. Of a process on
       its own machine it knows at once whether it lives.
    """

    def __init__(
        self,
        ledger: Ledger,
        roster: Roster,
        celery: Celery,
        settings: QueueSettings,
        name: str,
        *,
        metrics: KeeperMetrics | None = None,
    ) -> None:
        self._ledger = ledger
        self._metrics = metrics or KeeperMetrics()
        self._upkeep = Upkeep(ledger.redis, settings)
        self._roster = roster
        self._celery = celery
        self._settings = settings
        self._name = name
        self._stopped = threading.Event()
        self._watching_since: float | None = None
        self._audit_at = 0.0

    def run(self) -> None:
        """Reconcile until ``stop``."""
        while not self._stopped.wait(self._settings.reconcile_s):
            try:
                self.round()
            except (redis.RedisError, OperationalError, OSError) as error:
                self._watching_since = None
                log.warning("no round: the queue does not answer", error=type(error).__name__)

    def stop(self) -> None:
        """End after the current round."""
        self._stopped.set()

    def round(self) -> None:
        """One round: nothing when another keeper is elected."""
        self._roster.report_keeper(self._name, self._settings.reconcile_s * 4 + 2)
        if not self._roster.elect(self._name, self._settings.reconcile_s * 4 + 2):
            self._watching_since = None
            return
        now = time.monotonic()
        self._watching_since = self._watching_since or now
        watched_s = now - self._watching_since
        queues = self._upkeep.queues()
        for queue in queues:
            self._reap(queue, lapsed=watched_s >= self._settings.lease_s)
        # Listeners renew every third of their lease.
        if watched_s >= self._settings.listener_lease_s / 2:
            self._cancel_unheard()
        self._expire()
        for queue in queues:
            self._metrics.known(queue)
            self._make_good_tickets(queue)
            self._roster.prune(queue)
        self._hand_out_webhooks()
        if now >= self._audit_at:
            self._audit_at = now + AUDIT_S
            self._audit()

    def _reap(self, queue: str, *, lapsed: bool) -> None:
        """``lapsed``: who could not renew a lease for as long as this one watches is dead."""
        reports = self._roster.all_workers(queue).items()
        gone = {name: report for name, report in reports if report.gone}
        if not gone and not lapsed:
            return
        for _ in range(REPEATS):
            reaped = self._upkeep.reap(queue, list(gone), lapsed=lapsed)
            for job_id, became in reaped:
                log.warning("orphan", job=job_id, queue=queue, became=became)
                self._metrics.orphan(queue, became)
            if len(reaped) < FULL:
                break
        for name, report in gone.items():
            # A model that does not load says why until its report expires.
            if report.state != "failed":
                self._roster.retire(queue, name)

    def _expire(self) -> None:
        for _ in range(REPEATS):
            expired = self._upkeep.expire()
            for job_id in expired:
                log.info("expired while it waited", job=job_id)
            self._metrics.expired.inc(len(expired))
            if len(expired) < FULL:
                break

    def _cancel_unheard(self) -> None:
        for _ in range(REPEATS):
            unheard = self._upkeep.unheard()
            for job_id in unheard:
                self._cancel_if_unheard(job_id)
            if len(unheard) < FULL:
                break

    def _cancel_if_unheard(self, job_id: str) -> None:
        queue = self._ledger.queue_of(job_id)
        try:
            if queue is None:
                self._upkeep.forget_listener(job_id)
            elif self._ledger.cancel(job_id, queue, unheard=True) in ("cancelled", "running"):
                self._metrics.unheard.inc()
                log.warning("cancelled: its listener died", job=job_id)
        except UnknownJob:
            self._upkeep.forget_listener(job_id)

    def _make_good_tickets(self, queue: str) -> None:
        missing = min(self._upkeep.missing_tickets(queue), TICKETS_A_ROUND)
        for _ in range(missing):
            publish_ticket(self._celery, queue, "made-good")
        self._metrics.made_good(queue, missing)

    def _hand_out_webhooks(self) -> None:
        for job_id in self._upkeep.due_webhooks(WEBHOOK_AGAIN_S, WEBHOOKS_A_ROUND):
            self._celery.send_task(
                WEBHOOK_TASK, args=[job_id], queue=KEEPER_QUEUE, ignore_result=True
            )

    def _audit(self) -> None:
        for job_id in self._upkeep.audit():
            self._metrics.righted.inc()
            log.error("a job was not where its state says; put right", job=job_id)
        self._upkeep.forget()
