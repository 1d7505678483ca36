"""Celery remote-control commands of a model's worker, beside Celery's own.

They run in the worker's consumer thread, also while the model generates, and must stay short.
What they answer holds ids and counts, never a prompt.
"""

from __future__ import annotations

from typing import Any

from celery.worker.control import control_command, inspect_command

from tasks import jobs
from tasks.errors import InvalidJob, TaskError
from tasks.jobs import ChatJob
from worker.handlers import chat_prompt, translate
from worker.process import ModelProcess

_process: ModelProcess | None = None


def use(process: ModelProcess) -> None:
    """From now on the commands speak of ``process``."""
    global _process
    _process = process


@control_command(name="check_prompt", args=[("question", str)], signature="QUESTION")
def check_prompt(_state: Any, question: str) -> dict[str, Any]:
    """Count the tokens of the job stored under ``question``, or say why it cannot be served."""
    if _process is None or _process.model.kind == "embed":
        return {"error": "this worker has no chat model"}
    body = _process.ledger.redis.get(_process.ledger.keys.question(question))
    if body is None:
        return {"error": "the question is gone"}
    try:
        job = jobs.decode(body)
        if not isinstance(job, ChatJob):
            raise InvalidJob("This is no chat job.")
        return {"prompt_tokens": len(chat_prompt(_process, job))}
    except Exception as error:
        refused: TaskError = translate(error)
        return {"code": refused.code, "message": refused.message, "param": refused.param}


@inspect_command(name="slots")
def slots(_state: Any) -> dict[str, Any]:
    """The jobs that this worker holds, by slot where the model batches."""
    if _process is None:
        return {}
    if _process.model.kind == "embed":
        return {"jobs": [reply.claim.job_id for reply in _process.leases.held()]}
    return {str(slot): job_id for slot, job_id in _process.engine.busy_slots.items()}
