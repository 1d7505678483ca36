"""The gateway: the way into the queue for whoever has a job, and the way out for its events."""

from __future__ import annotations

import contextlib
import logging
import threading
from functools import cache

import redis
from celery import Celery

from tasks.catalog import Catalog, load_catalog
from tasks.celery import make_celery
from tasks.connection import Client, connect
from tasks.dispatcher import Dispatcher
from tasks.errors import QueueUnavailable, UnknownJob
from tasks.jobs import Job
from tasks.ledger import Accepted, Ledger
from tasks.roster import Roster
from tasks.settings import QueueSettings
from tasks.subscription import Subscription
from tasks.tickets import Tickets

log = logging.getLogger(__name__)

# What a caller of submit waits at most for a Redis that does not answer: two tries of it.
QUEUE_TIMEOUT_S = 5.0


class Gateway:
    """Submits jobs, follows them, and keeps their listener's leases; one per process."""

    def __init__(
        self,
        settings: QueueSettings,
        catalog: Catalog,
        *,
        client: Client | None = None,
        celery: Celery | None = None,
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self.redis = client or connect(settings.queue_url, timeout_s=QUEUE_TIMEOUT_S)
        self.celery = celery or make_celery(settings, socket_timeout_s=QUEUE_TIMEOUT_S)
        self.ledger = Ledger(self.redis, settings)
        self.roster = Roster(self.redis, settings)
        self.dispatcher = Dispatcher(self.redis)
        self._tickets = Tickets(self.celery)
        self._open: set[str] = set()
        self._stopped = threading.Event()
        self._renewer: threading.Thread | None = None

    def submit(self, job: Job) -> Subscription:
        """Accept ``job`` into its model's queue and follow it; leaving early cancels it.

        Raises ``UnknownModel``, and ``QueueUnavailable`` when Redis does not take it.
        """
        queue = self.catalog.find(job.model).queue
        subscription = Subscription(
            self.ledger,
            self.dispatcher,
            job.id,
            on_close=lambda ended: self._closed(job.id, queue, ended),
        )
        self._open.add(job.id)
        try:
            accepted = self.ledger.accept(job, queue)
        except redis.RedisError as error:
            # Refused, or accepted and the answer lost: closing cancels it as far as one can.
            subscription.close()
            raise QueueUnavailable("The queue does not take jobs at the moment.") from error
        self._start_renewing()
        if accepted is not Accepted.AWAITED:
            self._tickets.publish(queue, job.id)
        return subscription

    def close(self) -> None:
        """Stop renewing and reading; open jobs are given up when their lease ends."""
        self._stopped.set()
        self._tickets.close()
        self.dispatcher.close()

    def _closed(self, job_id: str, queue: str, ended: bool) -> None:
        self._open.discard(job_id)
        if ended:
            return
        try:
            with contextlib.suppress(UnknownJob):
                self.ledger.cancel(job_id, queue)
        except redis.RedisError:
            # Its listener's lease is not renewed any more: the reconciler cancels it.
            log.warning("could not cancel job %s: Redis does not answer", job_id)

    def _start_renewing(self) -> None:
        if self._renewer is None or not self._renewer.is_alive():
            self._renewer = threading.Thread(target=self._renew, name="listener", daemon=True)
            self._renewer.start()

    def _renew(self) -> None:
        while not self._stopped.wait(self.settings.listener_lease_s / 3):
            jobs = list(self._open)
            if jobs:
                with contextlib.suppress(redis.RedisError):
                    self.ledger.listen(jobs)


@cache
def default_gateway() -> Gateway:
    """The gateway of a program that has no settings of its own: those of the environment."""
    settings = QueueSettings()
    return Gateway(settings, load_catalog(settings))
