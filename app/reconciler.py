"""The reconciler: makes good what a death left behind. One is elected among all keepers.

Every round, per queue: orphans (running, lease over) return to waiting or become dead letters;
tickets are published until there are as many as waiting jobs (or enough of them, where a handler
claims until nothing waits). And jobs whose listener died are
cancelled. Each step is safe to repeat, and to do twice at once.
"""

from __future__ import annotations

import threading
import time

import redis
import structlog
from celery import Celery
from kombu.exceptions import OperationalError

from tasks.celery import publish_ticket
from tasks.errors import UnknownJob
from tasks.ledger import Ledger
from tasks.roster import Roster
from tasks.settings import QueueSettings

log = structlog.get_logger(__name__)

# Most tickets published for one queue in one round.
TICKETS_A_ROUND = 1_000


class Reconciler:
    """One candidate for the seat.

    1. ``run`` stands for election every round, and works while elected.
    2. After a start, a lost election or a Redis that was away it first watches for a while:
       whoever could not renew a lease in that time must not be taken for dead.
    """

    def __init__(
        self,
        ledger: Ledger,
        roster: Roster,
        celery: Celery,
        settings: QueueSettings,
        name: str,
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._celery = celery
        self._settings = settings
        self._name = name
        self._stopped = threading.Event()
        self._watching_since: float | None = None

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
        queues = self._ledger.queues()
        if watched_s >= self._settings.lease_s:
            for queue in queues:
                self._reap(queue)
        # Listeners renew every third of their lease.
        if watched_s >= self._settings.listener_lease_s / 2:
            self._cancel_unheard()
        for queue in queues:
            self._make_good_tickets(queue)
            self._roster.prune(queue)

    def _reap(self, queue: str) -> None:
        for job_id, became in self._ledger.reap(queue):
            log.warning("orphan", job=job_id, queue=queue, became=became)

    def _cancel_unheard(self) -> None:
        for job_id in self._ledger.unheard():
            queue = self._ledger.queue_of(job_id)
            try:
                if queue is not None:
                    self._ledger.cancel(job_id, queue)
                    log.warning("cancelled: its listener died", job=job_id)
            except UnknownJob:
                pass
            self._ledger.forget_listener(job_id)

    def _make_good_tickets(self, queue: str) -> None:
        for _ in range(min(self._ledger.missing_tickets(queue), TICKETS_A_ROUND)):
            publish_ticket(self._celery, queue, "made-good")
