"""Calls the webhooks that are due: the keeper's part between the ledger and ``webhooks``.

1. A job's end makes its webhook due, in the script that ends it.
2. The reconciler hands what is due to Celery, as a task of the queue ``keeper``; until the task
   settles it, it comes up again.
3. ``call`` tries once, and settles it or says when the next try is due.

So a try may happen twice and none is lost, whoever dies; the event's id is the same on each.
"""

from __future__ import annotations

from typing import cast

import structlog

from app.outbound.address import AllowedHosts
from app.webhooks.delivery import deliver
from app.webhooks.events import End, job_ended
from app.webhooks.retries import next_try_in_s
from tasks.errors import UnknownJob
from tasks.records import Record, Records
from tasks.upkeep import Upkeep

log = structlog.get_logger(__name__)


class Caller:
    """Tries the webhooks of jobs that have ended; without a key it gives them up."""

    def __init__(
        self, records: Records, upkeep: Upkeep, key: bytes | None, allowed: AllowedHosts
    ) -> None:
        self._records = records
        self._upkeep = upkeep
        self._key = key
        self._allowed = allowed

    def call(self, job_id: str) -> None:
        """One try at the webhook of this job, if there is one to call."""
        try:
            record = self._records.find(job_id, None)
        except UnknownJob:
            self._upkeep.settle_webhook(job_id, "")
            return
        if not record.final:
            return
        if self._key is None:
            # Accepted while there was one: MILLRACE_WEBHOOK_SECRET was taken away since.
            self._upkeep.settle_webhook(job_id, "not signed: no secret is set")
            return
        self._try(record, self._key)

    def _try(self, record: Record, key: bytes) -> None:
        tries = self._upkeep.count_webhook(record.id)
        event = job_ended(record.id, cast(End, record.state), int(record.finished_s or 0))
        outcome = deliver(record.webhook_url, event, key, self._allowed)
        next_s = next_try_in_s(tries, outcome)
        log.info("webhook", job=record.id, tries=tries, said=outcome.why, next_s=next_s)
        if next_s is None:
            self._upkeep.settle_webhook(record.id, outcome.why)
        else:
            self._upkeep.delay_webhook(record.id, next_s, outcome.why)
