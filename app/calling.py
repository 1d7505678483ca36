"""Calls the webhooks that are due: the keeper's part between the ledger and ``webhooks``.

1. The end of a job or a batch makes its webhook due, in the script that ends it.
2. The reconciler hands what is due to Celery, as a task of the queue ``keeper``; until the task
   settles it, it comes up again.
3. ``call`` tries once, and settles it or says when the next try is due.

So a try may happen twice and none is lost, whoever dies; the event's id is the same on each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import structlog

from app.batches.book import Book
from app.batches.errors import UnknownBatch
from app.metrics.kept import KeeperMetrics
from app.outbound.address import AllowedHosts
from app.webhooks.delivery import deliver
from app.webhooks.events import BatchEnd, End, EndEvent, batch_ended, job_ended
from app.webhooks.retries import next_try_in_s
from tasks.errors import UnknownJob
from tasks.records import Records
from tasks.upkeep import BATCH_ID, Upkeep

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Call:
    """What is to be told, and where; an event of None when there is nothing to tell yet."""

    url: str
    event: EndEvent | None


class Caller:
    """Tries the webhooks of what has ended; without a key it gives them up."""

    def __init__(
        self,
        records: Records,
        book: Book,
        upkeep: Upkeep,
        key: bytes | None,
        allowed: AllowedHosts,
        *,
        metrics: KeeperMetrics | None = None,
    ) -> None:
        self._records = records
        self._book = book
        self._upkeep = upkeep
        self._key = key
        self._allowed = allowed
        self._metrics = metrics or KeeperMetrics()

    def call(self, ended_id: str) -> None:
        """One try at the webhook of this job or batch, if there is one to call."""
        try:
            of_batch = ended_id.startswith(BATCH_ID)
            call = self._of_batch(ended_id) if of_batch else self._of_job(ended_id)
        except (UnknownJob, UnknownBatch):
            self._upkeep.settle_webhook(ended_id, "")
            return
        if call.event is None:
            return
        if self._key is None:
            # Accepted while there was one: MILLRACE_WEBHOOK_SECRET was taken away since.
            self._upkeep.settle_webhook(ended_id, "not signed: no secret is set")
            return
        self._try(ended_id, call.url, call.event, self._key)

    def _of_job(self, job_id: str) -> _Call:
        record = self._records.find(job_id, None)
        if not record.final:
            return _Call(record.webhook_url, None)
        event = job_ended(job_id, cast(End, record.state), int(record.finished_s or 0))
        return _Call(record.webhook_url, event)

    def _of_batch(self, batch_id: str) -> _Call:
        record = self._book.find(batch_id, None)
        if not record.ended:
            return _Call(record.order.webhook_url, None)
        ends: dict[BatchEnd, int | None] = {
            "completed": record.completed_at,
            "failed": record.failed_at,
            "expired": record.expired_at,
            "cancelled": record.cancelled_at,
        }
        end = cast(BatchEnd, record.status)
        return _Call(record.order.webhook_url, batch_ended(batch_id, end, ends[end] or 0))

    def _try(self, ended_id: str, url: str, event: EndEvent, key: bytes) -> None:
        tries = self._upkeep.count_webhook(ended_id)
        outcome = deliver(url, event, key, self._allowed)
        self._metrics.webhooks.labels(outcome.kind).inc()
        next_s = next_try_in_s(tries, outcome)
        log.info("webhook", of=ended_id, tries=tries, said=outcome.why, next_s=next_s)
        if next_s is None:
            self._upkeep.settle_webhook(ended_id, outcome.why)
        else:
            self._upkeep.delay_webhook(ended_id, next_s, outcome.why)
