"""The gateway: the way into the queue for whoever has a job, and the way out for its events."""

from __future__ import annotations

import contextlib
import logging
import threading
from functools import cache
from typing import Literal

import redis
from celery import Celery

from tasks.catalog import Catalog
from tasks.celery import make_celery
from tasks.claims import Accepted, AlreadyAsked, Shared, State
from tasks.connection import Client, connect
from tasks.dispatcher import Dispatcher
from tasks.errors import QueueOutOfMemory, QueueUnavailable, TaskError, UnknownJob
from tasks.fleet import Fleet
from tasks.jobs import Job
from tasks.ledger import Ledger
from tasks.listeners import Listeners
from tasks.live_catalog import LiveCatalog
from tasks.memory import MemoryGauge
from tasks.records import Record, Records
from tasks.roster import Roster
from tasks.settings import QueueSettings
from tasks.subscription import Left, Subscription
from tasks.terms import Terms
from tasks.tickets import Tickets

log = logging.getLogger(__name__)

# What a caller of submit waits at most for a Redis that does not answer: two tries of it.
QUEUE_TIMEOUT_S = 4.0


class Gateway:
    """Submits jobs, follows them, and keeps their listener's leases; one per process."""

    def __init__(
        self,
        settings: QueueSettings,
        catalog: Catalog | LiveCatalog,
        *,
        client: Client | None = None,
        celery: Celery | None = None,
    ) -> None:
        self.settings = settings
        self._catalog = catalog
        self.redis = client or connect(settings.queue_url, timeout_s=QUEUE_TIMEOUT_S)
        self.celery = celery or make_celery(settings, socket_timeout_s=QUEUE_TIMEOUT_S)
        self.ledger = Ledger(self.redis, settings)
        self.records = Records(self.redis, settings)
        self.roster = Roster(self.redis, settings)
        self.fleet = Fleet(self.redis, settings)
        self.dispatcher = Dispatcher(self.redis)
        self._tickets = Tickets(self.celery)
        self._memory = MemoryGauge(self.redis, settings.memory_high)
        # Three signs of life within a lease: one may be lost with its connection.
        self._listeners = Listeners(self.ledger, settings.listener_lease_s / 3)

    @property
    def catalog(self) -> Catalog:
        """The models of this moment."""
        return self._catalog.now() if isinstance(self._catalog, LiveCatalog) else self._catalog

    def refreshed_catalog(self) -> Catalog:
        """The models as file and Redis have them now, read again."""
        return self._catalog.refresh() if isinstance(self._catalog, LiveCatalog) else self._catalog

    def is_of_file(self, name: str) -> bool:
        """Whether the catalog's file defines the model of that name or alias."""
        if isinstance(self._catalog, LiveCatalog):
            return self._catalog.is_of_file(name)
        return self._catalog.has(name)

    def submit(self, job: Job, terms: Terms | None = None) -> Subscription:
        """Accept ``job`` into its model's queue and follow it; leaving early cancels it.

        With other ``terms`` it may live on; with a ``share`` the subscription may be that of
        another job, which computes the same: then its ``job_id`` is not the job's. Raises
        ``UnknownModel``, ``QueueFull``, ``IdempotencyConflict``, ``AlreadyAsked``, and
        ``QueueUnavailable`` when Redis does not take it.
        """
        model = self.catalog.find(job.model)
        terms = terms or Terms.listened(self.settings, max_waiting=model.max_waiting)
        subscription = self._subscription(job.id, model.queue, terms)
        try:
            self._accept(job, model.queue, terms)
        except Shared as other:
            self._listeners.drop(job.id)
            subscription.abandon()
            return self._subscription(other.job_id, model.queue, terms, look_now=True)
        except redis.RedisError as error:
            # Refused, or accepted and the answer lost: it is cancelled as far as one can. Beside,
            # because the client's 503 must not wait for a Redis that is away once more.
            threading.Thread(target=subscription.close, name="let go", daemon=True).start()
            raise _unavailable(error) from error
        except (TaskError, AlreadyAsked):
            self._listeners.drop(job.id)
            subscription.abandon()
            raise
        return subscription

    def _subscription(
        self, job_id: str, queue: str, terms: Terms, *, look_now: bool = False
    ) -> Subscription:
        self._listeners.add(job_id, terms.listen_s)
        return Subscription(
            self.ledger,
            self.dispatcher,
            job_id,
            look_now=look_now,
            on_close=lambda left: self._left(job_id, queue, terms, left),
        )

    def enqueue(self, job: Job, terms: Terms | None = None) -> None:
        """Accept ``job`` for the background; raises as ``submit`` does."""
        model = self.catalog.find(job.model)
        terms = terms or Terms.background(self.settings, max_waiting=model.max_waiting)
        try:
            self._accept(job, model.queue, terms)
        except redis.RedisError as error:
            raise _unavailable(error) from error

    def follow(self, record: Record, *, after: int = 0) -> Subscription:
        """Follow a job that was accepted earlier, from the event after number ``after`` on.

        While somebody follows, a job that needs a listener has one. Leaving cancels nothing: the
        job lives on for as long as it was agreed, and when it is handed over for ``handover_s``.
        """
        subscription = Subscription(
            self.ledger,
            self.dispatcher,
            record.id,
            after=after,
            look_now=True,
            on_close=lambda left: self._follower_left(record, left),
        )
        if record.listen_s and not record.final:
            self._listeners.add(record.id, record.listen_s)
            with contextlib.suppress(redis.RedisError):
                self.ledger.follow(record.id)
            self._listeners.renew()
        return subscription

    def cancel(self, record: Record) -> State | Literal["heard", "shared"]:
        """Cancel a job; the state it is in now."""
        return self.ledger.cancel(record.id, record.queue)

    def close(self) -> None:
        """Stop renewing and reading; open jobs are given up when their lease ends."""
        self._listeners.close()
        self._tickets.close()
        self.dispatcher.close()

    def _accept(self, job: Job, queue: str, terms: Terms) -> None:
        self._memory.check(job)
        if self.ledger.accept(job, queue, terms) is not Accepted.AWAITED:
            self._tickets.publish(queue, job.id)

    def _left(self, job_id: str, queue: str, terms: Terms, left: Left) -> None:
        self._listeners.drop(job_id)
        if left == "ended" or not terms.listen_s:
            return
        try:
            if left == "handed over":
                self.ledger.listen({job_id: max(self.settings.handover_s, terms.resume_s)})
                return
            if terms.resume_s:
                self.ledger.listen({job_id: self._resume_s(job_id, terms.resume_s)}, shorten=True)
                return
            with contextlib.suppress(UnknownJob):
                self.ledger.cancel(job_id, queue, leaving=bool(terms.share))
        except redis.RedisError:
            # Its listener's lease is not renewed any more: the reconciler cancels it.
            log.warning("could not let go of job %s: Redis does not answer", job_id)

    def _resume_s(self, job_id: str, resume_s: float) -> float:
        """How long a job goes on that its first client has left.

        A follower, perhaps in another process, says only every third of its own lease that it is
        there: it was cut off when its job's lease was shortened to a second.
        """
        if self.ledger.is_followed(job_id):
            return max(resume_s, self.settings.listener_lease_s / 2)
        return resume_s

    def _follower_left(self, record: Record, left: Left) -> None:
        self._listeners.drop(record.id)
        if left == "ended" or not record.listen_s:
            return
        lease_s = self.settings.handover_s if left == "handed over" else 0.0
        try:
            if lease_s := max(lease_s, record.resume_s):
                self.ledger.listen({record.id: lease_s})
        except redis.RedisError:
            log.warning("could not let go of job %s: Redis does not answer", record.id)


def _unavailable(error: redis.RedisError) -> QueueUnavailable:
    if isinstance(error, redis.exceptions.OutOfMemoryError):
        return QueueOutOfMemory("The queue's memory is full. Send the request again later.")
    return QueueUnavailable("The queue does not take jobs at the moment.")


@cache
def default_gateway() -> Gateway:
    """The gateway of a program that has no settings of its own: those of the environment."""
    return live_gateway(QueueSettings())


def live_gateway(settings: QueueSettings) -> Gateway:
    """A gateway that sees models come and go."""
    client = connect(settings.queue_url, timeout_s=QUEUE_TIMEOUT_S)
    return Gateway(settings, LiveCatalog(settings, client), client=client)
