"""Jobs as their owners read them: the object put together from record and log, and the waiting."""

from __future__ import annotations

import time

from app.client import Client
from app.following import events_of
from app.openai.errors import ServerRestarting
from app.openai.job_body import render_job, render_page
from app.openai.job_query import ListQuery, unknown_after
from app.rendering import answer_of
from tasks.errors import LogExpired, TaskError, UnknownJob, UnknownModel
from tasks.events import Done, Event, Failed, Usage
from tasks.gateway import Gateway
from tasks.jobs import Job
from tasks.records import Record
from tasks.subscription import Subscription

# A worker stops at its next step, which is soon; a long prompt's step may take longer.
CANCEL_WAIT_S = 2.0


def whole_job(gateway: Gateway, record: Record) -> bytes:
    """The job object, with the result or error that the log holds, for as long as it does."""
    job = gateway.records.job(record.id)
    log = [event for _, event in gateway.records.log(record.id)] if record.final else []
    return render_job(
        record,
        position=gateway.records.position(record) if record.state == "queued" else None,
        usage=_usage(log),
        result=_result(job, log),
        error=_error(log),
        deadline_at=job.deadline_at,
    )


def job_page(gateway: Gateway, owner: str, query: ListQuery) -> bytes:
    """One page of the owner's jobs."""
    if query.after is not None:
        try:
            gateway.records.find(query.after, owner)
        except UnknownJob as error:
            raise unknown_after(query.after) from error
    page = gateway.records.page(
        owner,
        limit=query.limit,
        after=query.after,
        newest_first=query.newest_first,
        state=query.state,
        model=_model_name(gateway, query.model),
    )
    return render_page(page)


def waited_for(gateway: Gateway, record: Record, wait_s: float, client: Client) -> Record:
    """The record after the job's end or after ``wait_s``; raises ``ClientLeft``."""
    if record.final or not wait_s:
        return record
    with gateway.follow(record, after=record.last_seq) as subscription:
        _await_end(subscription, client, wait_s)
    return gateway.records.find(record.id, record.owner)


def cancelled(gateway: Gateway, record: Record, client: Client) -> Record:
    """The record after its job was cancelled; a running one may take longer than we wait."""
    if record.final:
        return record
    with gateway.follow(record, after=record.last_seq) as subscription:
        gateway.cancel(record)
        _await_end(subscription, client, CANCEL_WAIT_S)
    return gateway.records.find(record.id, record.owner)


def check_log(gateway: Gateway, record: Record) -> None:
    """Raise ``LogExpired`` for a job whose events are forgotten; one that waits has none yet."""
    if record.final and not gateway.records.has_log(record.id):
        raise LogExpired(
            f"The events of job {record.id!r} have been forgotten since its end:"
            " send the request again.",
            param="job_id",
        )


def _await_end(subscription: Subscription, client: Client, wait_s: float) -> None:
    give_up_at = time.monotonic() + wait_s
    try:
        for _ in events_of(subscription, client):
            if time.monotonic() >= give_up_at:
                return
    except ServerRestarting:
        # Whoever polls is answered what is known now, and asks the next process.
        return


def _usage(log: list[Event]) -> Usage | None:
    return log[-1].usage if log and isinstance(log[-1], Done) else None


def _error(log: list[Event]) -> TaskError | None:
    return log[-1].error() if log and isinstance(log[-1], Failed) else None


def _result(job: Job, log: list[Event]) -> bytes | None:
    if not log or not isinstance(log[-1], Done):
        return None
    answer = answer_of(job)
    for event in log:
        answer.add(event)
    return answer.body()


def _model_name(gateway: Gateway, asked: str | None) -> str | None:
    """The name that jobs bear: an alias stands for its model, a model may be gone by now."""
    if asked is None:
        return None
    try:
        return gateway.catalog.find(asked).name
    except UnknownModel:
        return asked
