"""Celery remote-control commands of a model's worker, beside Celery's own.

They run in the worker's consumer thread, also while the model generates, and must stay short.
What they answer holds ids and counts, never a prompt.
"""

from __future__ import annotations

from typing import Any

from celery.worker.control import control_command, inspect_command

from tasks import jobs
from tasks.jobs import ChatJob
from worker.handlers import chat_prompt, translate
from worker.process import current


@control_command(name="check_prompt", args=[("question", str)], signature="QUESTION")
def check_prompt(_state: Any, question: str) -> dict[str, Any]:
    """Count the tokens of the job stored under ``question``, or say why it cannot be served."""
    process = current.find()
    if process is None or process.model.kind == "embed":
        return {"error": "this worker has no chat model"}
    body = process.ledger.redis.get(process.ledger.keys.question(question))
    if body is None:
        return {"error": "the question is gone"}
    try:
        job = jobs.decode(body)
        assert isinstance(job, ChatJob)
        return {"prompt_tokens": len(chat_prompt(process, job))}
    except Exception as error:  # noqa: BLE001 - the answer says what is wrong, whatever it is
        refused = translate(error)
        return {"code": refused.code, "message": refused.message, "param": refused.param}


@inspect_command(name="slots")
def slots(_state: Any) -> dict[str, Any]:
    """The jobs that this worker holds, by slot where the model batches."""
    process = current.find()
    if process is None:
        return {}
    if process.model.kind == "embed":
        return {"jobs": [reply.claim.job_id for reply in process.leases.held()]}
    return {str(slot): job_id for slot, job_id in process.engine.busy_slots.items()}
