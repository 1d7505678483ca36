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


@inspect_command(name="slots")
def slots(_state: Any) -> dict[str, Any]:
    """The jobs that this worker holds, by slot where the model batches."""
    process = current.find()
    if process is None:
        return {}
    if process.model.kind == "embed":
        return {"jobs": [reply.claim.job_id for reply in process.leases.held()]}
    busy = process.engine.busy_slots.items()
    return {str(slot): job_of(name) for slot, name in busy}


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
