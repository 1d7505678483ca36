"""What the routes share: the gateway, the settings, and what a model's worker is asked."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from flask import current_app

from app.admission import Admission
from app.cache.lookup import Lookup
from app.cache.sought import Sought
from app.limits.counting import Limits
from app.openai.sizes import most_tokens
from app.questions import Questions
from app.repeats import Submission, asked_before, first_of
from app.settings import ApiSettings
from app.tracing import enqueueing
from app.wishes import Order
from tasks import jobs, questions
from tasks.claims import AlreadyAsked
from tasks.errors import ModelUnavailable
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job
from tasks.model import Model
from tasks.questions import Answer, Question
from tasks.terms import Terms


class Services:
    """One per application."""

    def __init__(self, settings: ApiSettings, gateway: Gateway) -> None:
        self.settings = settings
        self.gateway = gateway
        self.limits = Limits(gateway)
        self._cache = Lookup(settings, gateway)
        self._admission = Admission(gateway)
        self._questions = Questions(gateway.celery, gateway.ledger, settings.check_timeout_s)

    def submit(self, order: Order) -> Submission:
        """Find the order's answer in the cache, or enqueue its job.

        An equal request may have a job already, which then answers this one too. The model is asked
        first whether it can take the job, where it may not. Raises ``ModelUnplaceable`` when no
        node can ever serve it, ``NotKept``, and ``RateLimited`` when the order's key may not ask
        for it now.
        """
        with enqueueing(order) as traced:
            return self._answered(traced)

    def _answered(self, order: Order) -> Submission:
        self.limits.charge(order.key, order.job.id)
        sought = self._cache.look(order)
        if sought.kept is not None:
            return Submission(order.job, sought)
        try:
            if not asked_before(self.gateway, order):
                self._admission.check(self.gateway.catalog.find(order.job.model))
                self._check(order.job)
            if not order.later:
                return self._submit(order, sought)
            self.gateway.enqueue(order.job, self._terms(order, sought))
            return Submission(order.job, sought)
        except AlreadyAsked as known:
            return first_of(self.gateway, known.job_id, order)

    def ask(self, model: Model, question_id: str, question: Question) -> Answer:
        """What a worker of ``model`` says about tokens; ``ModelUnavailable`` when none does."""
        node = self._ready_node(model)
        if node is None:
            raise ModelUnavailable(f"No worker of the model {model.name!r} is ready.")
        answer = self._questions.ask(node, "tokenize", question_id, questions.encode(question))
        if answer is None:
            raise ModelUnavailable(
                f"The worker of the model {model.name!r} did not answer in time."
            )
        return questions.decode_answer(answer)

    def _submit(self, order: Order, sought: Sought) -> Submission:
        subscription = self.gateway.submit(sought.job, self._terms(order, sought))
        return Submission(
            order.job, self._cache.accepted(sought, subscription.job_id), subscription
        )

    def _terms(self, order: Order, sought: Sought) -> Terms:
        allowance = self.limits.allowance(order.key, sought.job)
        if not sought.share and allowance is None:
            return order.terms
        return replace(order.terms, share=sought.share, allowance=allowance)

    def _check(self, job: Job) -> None:
        if isinstance(job, EmbedJob):
            return
        model = self.gateway.catalog.find(job.model)
        # Without an answer the job is accepted, and a refusal comes as its last event.
        if only_a_worker_knows(job, model) and (node := self._ready_node(model)):
            self._questions.ask(node, "check_prompt", job.id, jobs.encode(job))

    def _ready_node(self, model: Model) -> str | None:
        reports = self.gateway.roster.workers(model.queue).values()
        return next((report.node for report in reports if report.state == "ready"), None)


def only_a_worker_knows(job: ChatJob | CompletionJob, model: Model) -> bool:
    """Whether the job's model could refuse it: for its length, its form, or ids that it lacks."""
    if job.form or job.sampling.logit_bias:
        return True
    if isinstance(job, CompletionJob):
        unknown = bool(job.tokens)
    else:
        # A template writes calls in its own way, and escapes what is in them; how many tokens a
        # picture is, only its model's projector knows.
        told = any(message.tool_calls or message.images for message in job.messages)
        unknown = told or bool(job.tools)
    return unknown or most_tokens(job) > model.context


def services() -> Services:
    """The services of the application that handles this request."""
    return cast(Services, current_app.extensions["services"])
