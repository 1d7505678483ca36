"""A job that ended without an answer, accepted again as a new one."""

from __future__ import annotations

import time

import msgspec

from tasks import jobs
from tasks.claims import State
from tasks.errors import TaskError
from tasks.gateway import Gateway
from tasks.jobs import Priority
from tasks.terms import Terms

REFUSED: dict[State, str] = {
    "queued": "it waits for its turn",
    "running": "cancel it first",
    "done": "it has its answer",
}


class NotAgain(TaskError):
    """Raised when a job is in no state to be accepted again."""

    code = "not_retried"


def accept_again(gateway: Gateway, job_id: str) -> str:
    """The new job's id. Nobody follows it, so it waits behind those that somebody does.

    It has no deadline, and tells the old one's webhook. Raises ``UnknownJob``, ``NotAgain``, and
    what ``Gateway.enqueue`` does.
    """
    record = gateway.records.find(job_id, None)
    if reason := REFUSED.get(record.state):
        raise NotAgain(f"The job {job_id!r} is {record.state} and not accepted again: {reason}.")
    job = jobs.again(gateway.records.job(job_id), time.time())
    job = msgspec.structs.replace(job, priority=max(job.priority, Priority.BACKGROUND))
    model = gateway.catalog.find(job.model)
    terms = Terms.background(
        gateway.settings, max_waiting=model.max_waiting, webhook_url=record.webhook_url
    )
    gateway.enqueue(job, terms)
    return job.id
