"""Celery remote-control commands of a model's worker, beside Celery's own.

They run in the worker's consumer thread, also while the model generates, and must stay short.
Commands and replies name a question's key (``tasks.questions``); what a client wrote, and what it
became, stays under that key.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from celery.worker.control import control_command, inspect_command

from tasks import jobs, questions
from tasks.claims import job_of
from tasks.errors import InvalidJob
from tasks.jobs import ChatJob, EmbedJob
from tasks.questions import QUESTION_TTL_MS, TokenizeChat
from worker import tokens
from worker.engine.view import SlotView
from worker.handlers import translate
from worker.process import ModelProcess, current


@control_command(name="check_prompt", args=[("question", str)], signature="QUESTION")
def check_prompt(_state: Any, question: str) -> dict[str, Any]:
    """Say why the job stored under ``question`` cannot be served, if it cannot."""
    return _answer(question, _check)


@control_command(name="tokenize", args=[("question", str)], signature="QUESTION")
def tokenize(_state: Any, question: str) -> dict[str, Any]:
    """Leave the answer to a question about tokens, in either direction, in its place."""
    return _answer(question, _tokens)


@inspect_command(name="models")
def models(_state: Any) -> dict[str, Any]:
    """The model of this worker, and how it is doing: what its last report says."""
    process = current.find()
    report = process.leases.standing.told if process else None
    if process is None or report is None:
        return {}
    return {
        "name": process.model.name,
        "kind": process.model.kind,
        "state": report.state,
        "reason": report.reason,
        "progress": round(report.progress, 3),
        "device": report.device,
        "slots": report.slots,
        "busy": report.busy,
        "context": report.context,
        "memory_bytes": report.memory_bytes,
        "since": report.since_ms / 1000,
        "fleet_node": report.fleet_node,
        "pid": report.pid,
    }


@inspect_command(name="slots")
def slots(_state: Any) -> dict[str, Any]:
    """What each slot does and holds; of an embedding model, which has none, the jobs in hand."""
    process = current.find()
    if process is None:
        return {}
    if process.model.kind == "embed":
        return {"jobs": [reply.claim.job_id for reply in process.leases.held()]}
    return {str(each.slot): _slot(each) for each in process.engine.slots()}


@inspect_command(name="drain")
def drain(_state: Any) -> dict[str, Any]:
    """Take nothing more and finish what runs; how many jobs that are."""
    process = current.find()
    if process is None:
        return {}
    process.rest()
    return {"state": "draining", "busy": len(process.leases.held())}


def _slot(slot: SlotView) -> dict[str, Any]:
    if slot.request is None:
        return {"state": "idle", "position": slot.held}
    return {
        "state": "generating" if slot.generating else "prompt",
        "job": job_of(slot.request),
        "prompt_tokens": slot.prompt,
        "cached_tokens": slot.cached,
        "generated_tokens": slot.generated,
        "position": slot.held,
    }


def _check(process: ModelProcess, body: bytes) -> bytes:
    job = jobs.decode(body)
    if isinstance(job, EmbedJob) or process.model.kind == "embed":
        raise InvalidJob("Only prompts of chat models can be checked.", param="model")
    process.asker.check(job)
    return b""


def _tokens(process: ModelProcess, body: bytes) -> bytes:
    question = questions.decode_question(body)
    if process.model.kind == "embed":
        return questions.encode(tokens.of_embedding(process.embed, question))
    if isinstance(question, TokenizeChat):
        job = ChatJob(id="", model="", messages=question.messages, tools=question.tools)
        ids = process.asker.conversation(job)
        pieces = tuple(map(process.engine.runtime.piece, ids))
        return questions.encode(questions.Tokens(tuple(ids), pieces))
    return questions.encode(tokens.of_chat(process.engine.runtime, question))


def _answer(question: str, answer: Callable[[ModelProcess, bytes], bytes]) -> dict[str, Any]:
    """Put what ``answer`` makes of the stored question in its place, or say why there is none."""
    process = current.find()
    if process is None:
        return {"error": "this worker has no model"}
    key = process.ledger.keys.question(question)
    body = process.ledger.redis.get(key)
    if body is None:
        return {"error": "the question is gone"}
    try:
        answered = answer(process, body)
    except Exception as error:  # noqa: BLE001 - the answer says what is wrong, whatever it is
        refused = translate(error)
        return {"code": refused.code, "message": refused.message, "param": refused.param}
    # Only in the place of the question: whoever gave up waiting has taken it away.
    process.ledger.redis.set(key, answered, px=QUESTION_TTL_MS, xx=True)
    return {"answered": True}
