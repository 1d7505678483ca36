"""What the routes that make jobs have in common: reading an order, and answering it."""

from __future__ import annotations

import time
from typing import Protocol

from flask import Response, after_this_request, g, request
from werkzeug.datastructures import Headers

from app import respond
from app.body import read_body
from app.job_reading import whole_job
from app.metrics.requests import began_s, metrics
from app.openai.asked import Asked
from app.openai.responses.ids import response_id
from app.owners import asking_key, catalog_for, owner_of
from app.rendering import answer_of, frames_of
from app.repeats import REPEATED, Submission
from app.response_reading import response_now
from app.services import services
from app.wishes import Order, order_of, wishes_of
from tasks.api_keys import ApiKey
from tasks.catalog import Catalog
from tasks.jobs import ChatJob, Job
from tasks.terms import Repeat


class Parse(Protocol):
    """A body to what it asks for, as one endpoint reads it."""

    def __call__(
        self, body: bytes, /, *, catalog: Catalog, job_id: str, owner: str, created_at: float
    ) -> Asked:
        """The job; ``BadRequest`` or ``UnknownModel`` when it is none."""


def read_order(parse: Parse) -> Order:
    """What the request at hand asks for, in its body and its headers."""
    return order_for(
        parse,
        read_body(),
        request.headers,
        path=request.path,
        job_id=g.job_id,
        key=asking_key(),
    )


def order_for(
    parse: Parse, body: bytes, headers: Headers, *, path: str, job_id: str, key: ApiKey | None
) -> Order:
    """What ``body`` and ``headers`` ask for at ``path``; they need not have come by HTTP.

    For ``key`` there are no models but those that it may use.
    """
    shared = services()
    settings, catalog = shared.settings, catalog_for(key, shared.gateway.catalog)
    wishes = wishes_of(headers)
    asked = parse(body, catalog=catalog, job_id=job_id, owner=owner_of(key), created_at=time.time())
    model = catalog.find(asked.job.model)
    repeat = Repeat.of(wishes.key, path.encode(), body) if wishes.key else None
    return order_of(asked, wishes, repeat, model, settings, key=key)


def answer(order: Order, submission: Submission) -> Response:
    """The answer as ``order`` wants it: whole, as a stream, or the job that will have it."""
    response = _answer(order, submission)
    response.headers.update(submission.sought.headers())
    return response


def _answer(order: Order, submission: Submission) -> Response:
    job, subscription, sought = submission.job, submission.subscription, submission.sought
    if sought.kept is not None:
        if order.stream:
            return respond.kept_stream(sought.kept.events, frames_of(job, numbered=False), job.id)
        return respond.kept(sought.kept.events, answer_of(job), job.id)
    if submission.repeated:
        _name_the_first(job)
    if subscription is None:
        return _accepted(order, job)
    watch = metrics().watch(job.model, began_s())
    if not order.stream:
        return respond.whole(subscription, sought.listening(answer_of(job)), job.id, watch)
    # Asked later, when there is no application at hand any more.
    records = services().gateway.records
    return respond.stream(
        subscription,
        sought.listening_frames(frames_of(job)),
        ping_s=services().settings.ping_s,
        position=lambda: records.position(records.find(subscription.job_id, job.owner)),
        request_id=job.id,
        watch=watch,
    )


def _name_the_first(job: Job) -> None:
    # Its id is the request's, also when its answer is an error.
    g.job_id = job.id

    @after_this_request
    def _mark(response: Response) -> Response:
        response.headers[REPEATED] = "true"
        return response


def _accepted(order: Order, job: Job) -> Response:
    gateway = services().gateway
    record = gateway.records.find(job.id, job.owner)
    if isinstance(job, ChatJob) and job.response is not None:
        # OpenAI answers 200; 202 is what the header's law wants.
        return respond.accepted(
            response_now(gateway, record, job),
            job.id,
            url=f"/v1/responses/{response_id(job.id)}",
            status=202 if order.preferred else 200,
            preferred=order.preferred,
        )
    return respond.accepted(
        whole_job(gateway, record),
        job.id,
        url=f"/v1/jobs/{job.id}",
        preferred=order.preferred,
    )
