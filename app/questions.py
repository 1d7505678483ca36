"""Questions to a model's worker: would it take this job? Answered while it generates.

Celery's remote control carries the question. Its prompt stays out of it, for it is a broadcast:
the job lies under a key of its own for a few seconds, and the command names the key.
"""

from __future__ import annotations

from typing import Any

import structlog
from celery import Celery
from kombu.pidbox import Mailbox

from tasks import jobs
from tasks.errors import from_code
from tasks.jobs import ChatJob
from tasks.ledger import Ledger

log = structlog.get_logger(__name__)

QUESTION_TTL_MS = 10_000


class Questions:
    """Asks over a connection of its own each time.

    Celery's own way takes a producer from a pool that is not for greenlets (``tasks.tickets``):
    with forty long prompts at once it raised LimitExceeded.
    """

    def __init__(self, celery: Celery, ledger: Ledger, timeout_s: float) -> None:
        self._celery = celery
        self._ledger = ledger
        self._timeout_s = timeout_s

    def ask(self, job: ChatJob, node: str) -> None:
        """Have ``node`` look at ``job``; raises its refusal.

        Without an answer in time nothing is raised: a refusal then comes as the job's last event.
        """
        try:
            answers = self._call(job, node)
        except Exception as error:  # noqa: BLE001 - the lane may fail in any way; the job goes on
            log.warning("prompt not checked", job=job.id, error=type(error).__name__)
            return
        for answer in answers:
            if "code" in answer:
                raise from_code(answer["code"], answer["message"], answer["param"])

    def _call(self, job: ChatJob, node: str) -> list[dict[str, Any]]:
        key = self._ledger.keys.question(job.id)
        self._ledger.redis.set(key, jobs.encode(job), px=QUESTION_TTL_MS)
        with self._celery.connection_for_write() as connection:
            mailbox: Any = Mailbox("celery", type="fanout", accept=["json"], serializer="json")
            replies = mailbox(connection).call(
                [node], "check_prompt", {"question": job.id}, timeout=self._timeout_s
            )
        self._ledger.redis.delete(key)
        return [answer for reply in replies or () for answer in reply.values()]
