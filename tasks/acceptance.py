"""Accepting a job: what its script is told, and what the script's answer means."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, cast

import msgspec

from tasks import jobs
from tasks.claims import Accepted, AlreadyAsked, Shared
from tasks.errors import IdempotencyConflict, QueueFull, RateLimited
from tasks.jobs import Job
from tasks.keys import Keys
from tasks.terms import REPEAT_TTL_S, Terms, retry_after_s

# Queues whose handlers claim until nothing waits, and how many tickets are enough for them: one
# wakes a worker, the others its neighbours.
CLAIMED_TOGETHER = "embed."
ENOUGH_TICKETS = 8


def keys_of(keys: Keys, job: Job, queue: str, terms: Terms) -> list[str]:
    """The Redis keys that accepting ``job`` touches, as ``accept.lua`` counts them."""
    allowance = terms.allowance
    return [
        keys.job(job.id),
        keys.waiting(queue),
        keys.queues,
        keys.listeners,
        keys.awake(queue),
        keys.wake(queue),
        queue,
        keys.open,
        keys.index(job.owner),
        keys.paces,
        keys.repeat(job.owner, terms.repeat.key if terms.repeat else ""),
        keys.job(""),
        keys.share(terms.share),
        keys.open_of(job.owner),
        keys.open_looked(job.owner),
        keys.budget(allowance.key_id if allowance else ""),
    ]


def arguments_of(job: Job, queue: str, terms: Terms) -> list[Any]:
    """What ``accept.lua`` is told of ``job``."""
    return [
        job.id,
        queue,
        job.__struct_config__.tag,
        job.model,
        job.owner,
        int(job.priority),
        jobs.version_of(job),
        jobs.encode(job),
        int(terms.listen_s * 1000),
        int(job.created_at * 1000),
        ENOUGH_TICKETS if queue.startswith(CLAIMED_TOGETHER) else 0,
        _left_ms(job.deadline_at),
        terms.keep_s,
        int(terms.resume_s * 1000),
        terms.webhook_url,
        terms.max_waiting,
        terms.repeat.fingerprint if terms.repeat else "",
        REPEAT_TTL_S,
        msgspec.json.encode(job.metadata) if job.metadata else "",
        "1" if terms.share else "",
        "1" if terms.batch else "",
        *_allowed(terms),
    ]


def outcome(answer: Sequence[Any], job: Job, terms: Terms) -> Accepted:
    """What became of ``job``; raises where it was not accepted and was not there either."""
    match int(answer[0]):
        case 3:
            raise QueueFull(
                f"The model {job.model!r} has {terms.max_waiting} jobs waiting, as many as"
                " may. Send the request again later.",
                retry_after_s=retry_after_s(terms.max_waiting, float(answer[1])),
            )
        case 4:
            raise AlreadyAsked(cast(bytes, answer[1]).decode())
        case 5:
            raise IdempotencyConflict(
                "This Idempotency-Key came before with another request. Use a new key for a"
                " new request.",
                param="Idempotency-Key",
            )
        case 6:
            raise Shared(cast(bytes, answer[1]).decode())
        case 7:
            raise _too_many_tokens(terms, int(answer[1]) / 1000)
        case 8:
            raise _too_many_open(terms)
        case accepted:
            return Accepted(accepted)


def _allowed(terms: Terms) -> list[Any]:
    allowance = terms.allowance
    if allowance is None:
        return ["", "", 0, ""]
    most_open, limit = allowance.most_open, allowance.tokens_per_minute
    return [
        "" if most_open is None else most_open,
        "" if limit is None else limit,
        allowance.tokens,
        allowance.key_id,
    ]


def _too_many_tokens(terms: Terms, wait_s: float) -> RateLimited:
    assert terms.allowance is not None
    return RateLimited(
        f"This API key may use {terms.allowance.tokens_per_minute} tokens a minute, and too many of"
        f" them are used for the {terms.allowance.tokens} that this request may need. Send it again"
        f" in {wait_s:.3f} s.",
        retry_after_s=wait_s,
    )


def _too_many_open(terms: Terms) -> RateLimited:
    assert terms.allowance is not None
    return RateLimited(
        f"The owner of this API key has {terms.allowance.most_open} jobs that wait or run, as many"
        " as may. Send the request again when one of them has ended."
    )


def _left_ms(deadline_at: float | None) -> int:
    """Until a deadline, by the clock that set it; 0 without one, at least 1 with one."""
    return 0 if deadline_at is None else max(int((deadline_at - time.time()) * 1000), 1)
