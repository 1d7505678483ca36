"""What the routes share: the gateway, the settings, and the question whether a prompt fits."""

from __future__ import annotations

from typing import Any, cast

import redis
import structlog
from flask import current_app
from kombu.exceptions import OperationalError

from app.openai.chat import prompt_bytes
from app.settings import ApiSettings
from tasks import jobs
from tasks.errors import from_code
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, Job
from tasks.subscription import Subscription

log = structlog.get_logger(__name__)

# A token covers at least one byte, so a prompt has at most as many tokens as bytes, plus what
# the chat template puts around the conversation and around each message.
TEMPLATE_TOKENS = 64
MESSAGE_TOKENS = 16
QUESTION_TTL_MS = 10_000


class Services:
    """One per application."""

    def __init__(self, settings: ApiSettings, gateway: Gateway) -> None:
        self.settings = settings
        self.gateway = gateway

    def submit(self, job: Job) -> Subscription:
        """Enqueue ``job`` after making sure, where that is cheap, that its model can take it."""
        if isinstance(job, ChatJob) and not self._fits_outright(job):
            self._ask_worker(job)
        return self.gateway.submit(job)

    def _fits_outright(self, job: ChatJob) -> bool:
        if job.sampling.logit_bias:
            return False  # Only the worker knows which token ids the model has.
        context = self.gateway.catalog.find(job.model).context
        most = prompt_bytes(job) + TEMPLATE_TOKENS + MESSAGE_TOKENS * len(job.messages)
        return most + (job.max_tokens or 1) <= context

    def _ask_worker(self, job: ChatJob) -> None:
        """Have the model's worker count the tokens; raises its refusal.

        Without a worker, or without an answer in time, the job is accepted: a refusal then comes
        as its last event.
        """
        model = self.gateway.catalog.find(job.model)
        ledger = self.gateway.ledger
        try:
            reports = self.gateway.roster.workers(model.queue).values()
            nodes = [report.node for report in reports if report.state == "ready"]
            if not nodes:
                return
            # Remote control is a broadcast: the prompt itself stays out of it.
            ledger.redis.set(ledger.keys.question(job.id), jobs.encode(job), px=QUESTION_TTL_MS)
            # A connection of its own: Celery's pool is not for greenlets (tasks.tickets).
            with self.gateway.celery.connection_for_write() as connection:
                replies = self.gateway.celery.control.broadcast(
                    "check_prompt",
                    arguments={"question": job.id},
                    destination=nodes[:1],
                    reply=True,
                    limit=1,
                    timeout=self.settings.check_timeout_s,
                    connection=connection,
                )
            ledger.redis.delete(ledger.keys.question(job.id))
        except (redis.RedisError, OperationalError, OSError):
            log.warning("prompt not checked: the queue does not answer", job=job.id)
            return
        _raise_refusal(replies or [])


def _raise_refusal(replies: list[dict[str, dict[str, Any]]]) -> None:
    for reply in replies:
        for answer in reply.values():
            if "code" in answer:
                raise from_code(answer["code"], answer["message"], answer["param"])


def services() -> Services:
    """The services of the application that handles this request."""
    return cast(Services, current_app.extensions["services"])
