"""``celery -A faults.controls.unclaimed worker``: no claim rule, control of row 8.

A ticket is what a message is in Celery alone: whoever is delivered one runs the job that it names,
whether it waits, runs or is over.
"""

from __future__ import annotations

import threading

from faults.controls.patches import replace_method
from tasks.celery import CHAT_TASK
from tasks.ledger import Claim
from worker import handlers
from worker.celery import celery
from worker.process import ModelProcess, current

__all__ = ["celery"]

_delivered = threading.local()


def chat(job_id: str) -> None:
    """Run the job that the ticket names."""
    _delivered.job_id = job_id
    handlers.chat(current.get())


def claim(process: ModelProcess) -> Claim | None:
    """The delivered ticket's own job, with a new attempt number; None when there is no such job."""
    keys, redis = process.ledger.keys, process.ledger.redis
    job_id, queue = _delivered.job_id, process.model.queue
    last_seq, version, body = redis.hmget(keys.job(job_id), "last_seq", "version", "body")
    if body is None:
        return None
    pipe = redis.pipeline()
    for part in ("resume", "0", "1", "2"):
        pipe.zrem(f"{keys.waiting(queue)}:{part}", job_id)
    pipe.hset(keys.job(job_id), mapping={"state": "running", "holder": process.leases.holder})
    pipe.hincrby(keys.job(job_id), "attempt", 1)
    attempt = pipe.execute()[-1]
    return Claim(job_id, attempt, int(last_seq), int(version), body)


replace_method(ModelProcess, "claim", claim)
# Celery takes the function from here when its consumer starts.
vars(celery.tasks[CHAT_TASK])["run"] = chat
