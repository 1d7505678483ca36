"""Requests that come again under their ``Idempotency-Key``: the first one's job answers them all.

The ledger decides, in the call that accepts a job, which of them is the first.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.cache.sought import Sought
from app.wishes import Order
from tasks.errors import LogExpired, UnknownJob
from tasks.gateway import Gateway
from tasks.jobs import Job
from tasks.records import Record
from tasks.subscription import Subscription

REPEATED = "Idempotent-Replayed"
"""Header of an answer that is the first request's."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The job that answers a request, and its events; None when its client does not wait.

    ``sought`` is what the cache said: when it has the answer, no job was made. The events may be
    those of another job that computes the same, or of a job of some of the inputs.
    """

    job: Job
    sought: Sought
    subscription: Subscription | None = None
    repeated: bool = False


def asked_before(gateway: Gateway, order: Order) -> bool:
    """Whether the order's key is known. What that means, only accepting its job tells."""
    repeat, ledger = order.terms.repeat, gateway.ledger
    return repeat is not None and bool(
        ledger.redis.exists(ledger.keys.repeat(order.job.owner, repeat.key))
    )


def first_of(gateway: Gateway, job_id: str, order: Order) -> Submission:
    """What answers ``order`` in place of a job of its own; ``LogExpired`` when it is forgotten."""
    record = _kept(gateway, job_id, order.job.owner)
    job = gateway.records.job(job_id)
    # A job that lives by its listeners would end unheard if this client went away with a 202.
    if order.later and not record.listen_s:
        return Submission(job, Sought("bypass", job), repeated=True)
    return Submission(job, Sought("bypass", job), gateway.follow(record), repeated=True)


def _kept(gateway: Gateway, job_id: str, owner: str) -> Record:
    try:
        record = gateway.records.find(job_id, owner)
    except UnknownJob:
        record = None
    if record is None or (record.final and not gateway.records.has_log(job_id)):
        raise LogExpired(
            "The answer to the first request with this Idempotency-Key is not kept any more. "
            "Send the request with a new key to have it answered again.",
            param="Idempotency-Key",
        )
    return record
