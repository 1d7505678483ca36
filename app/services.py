"""What the routes share: the gateway, the settings, and the question whether a prompt fits."""

from __future__ import annotations

from typing import cast

from flask import current_app

from app.openai.chat import prompt_bytes
from app.questions import Questions
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, Job
from tasks.subscription import Subscription

# A token covers at least one byte, so a prompt has at most as many tokens as bytes, plus what
# the chat template puts around the conversation and around each message.
TEMPLATE_TOKENS = 64
MESSAGE_TOKENS = 16


class Services:
    """One per application."""

    def __init__(self, settings: ApiSettings, gateway: Gateway) -> None:
        self.settings = settings
        self.gateway = gateway
        self._questions = Questions(gateway.celery, gateway.ledger, settings.check_timeout_s)

    def submit(self, job: Job) -> Subscription:
        """Enqueue ``job`` after making sure, where that is cheap, that its model can take it."""
        if isinstance(job, ChatJob) and not self._fits_outright(job):
            self._ask_a_worker(job)
        return self.gateway.submit(job)

    def _fits_outright(self, job: ChatJob) -> bool:
        if job.sampling.logit_bias:
            return False  # Only the worker knows which token ids the model has.
        context = self.gateway.catalog.find(job.model).context
        most = prompt_bytes(job) + TEMPLATE_TOKENS + MESSAGE_TOKENS * len(job.messages)
        return most + (job.max_tokens or 1) <= context

    def _ask_a_worker(self, job: ChatJob) -> None:
        reports = self.gateway.roster.workers(self.gateway.catalog.find(job.model).queue)
        for report in reports.values():
            if report.state == "ready":
                self._questions.ask(job, report.node)
                return
        # Nobody to ask: the job is accepted, and a refusal comes as its last event.


def services() -> Services:
    """The services of the application that handles this request."""
    return cast(Services, current_app.extensions["services"])
