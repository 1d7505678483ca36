"""The lines of a batch's output and error files. Pure.

An answered line holds what its endpoint would have answered. Vectors are written as the float32
that they are, in the fewest digits that tell them apart: half the bytes of the doubles that they
would be read into.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import numpy as np
import orjson
from msgspec import Raw
from numpy.typing import NDArray

from app.batches.record import LineError
from app.openai.errors import BadRequest, body_of, status_of
from app.rendering import answer_of
from tasks.errors import TaskError, UnknownModel
from tasks.events import Done, Event, Failed, Usage, Vectors
from tasks.jobs import EmbedJob, Job, new_id

Floats = NDArray[np.float32]

_encode = msgspec.json.Encoder().encode

_NEVER_RUN = {
    "batch_expired": "The batch's time was over before this request was answered: send it again in"
    " another batch, with a longer 'completion_window'.",
    "batch_cancelled": "The batch was cancelled before this request was answered.",
}


class Answered(msgspec.Struct, frozen=True):
    """One line, with its end: of the output file if it is ``ok``, else of the error file."""

    line: bytes
    ok: bool
    usage: Usage


class _Response(msgspec.Struct, frozen=True):
    status_code: int
    request_id: str
    body: Raw


class _Error(msgspec.Struct, frozen=True):
    code: str
    message: str


class _Line(msgspec.Struct, frozen=True):
    id: str
    custom_id: str
    response: _Response | None
    error: _Error | None


def answered(custom_id: str, job: Job, request_id: str, events: Iterable[Event]) -> Answered:
    """The line of a job that answers one line, from the whole log of the job."""
    log = list(events)
    match log[-1] if log else None:
        case Done(usage):
            line = _responded(custom_id, request_id, 200, _body(job, log, usage))
            return Answered(line, True, usage)
        case Failed() as end:
            return Answered(failed(custom_id, request_id, end.error()), False, Usage(0))
        case _:
            raise RuntimeError(f"the log of the job {request_id} has no end")


def vectors_line(
    custom_id: str, job: EmbedJob, request_id: str, rows: Floats, tokens: int
) -> bytes:
    """The line of an embeddings request: a row for each of its inputs, which have the ``tokens``.

    ``job`` is the line's own, whichever job computed the rows together with those of other lines.
    """
    return _responded(custom_id, request_id, 200, _vectors_body(job, rows, tokens))


def rows_of(events: Iterable[Event]) -> Floats:
    """All vectors of a job's log, a row for each of its inputs, in their order."""
    parts = sorted(
        (event for event in events if isinstance(event, Vectors)), key=lambda part: part.start
    )
    return np.vstack(
        [np.frombuffer(part.data, "<f4").reshape(-1, part.dimensions) for part in parts]
    )


def failed(custom_id: str, request_id: str, error: TaskError | BadRequest) -> bytes:
    """The line of a request that was tried and failed."""
    return _responded(custom_id, request_id, status_of(error), body_of(error))


def refused(custom_id: str, request_id: str, error: LineError) -> bytes:
    """The line of a request that cannot be tried any more: its model has gone since, say.

    The client reads it as it would read the endpoint's own refusal.
    """
    param = (error.param or "").removeprefix("body.") or None
    if error.code == UnknownModel.code:
        return failed(custom_id, request_id, UnknownModel(error.message, param=param))
    return failed(custom_id, request_id, BadRequest(error.message, param=param, code=error.code))


def never_run(custom_id: str, code: Literal["batch_expired", "batch_cancelled"]) -> bytes:
    """The line of a request whose batch ended before it was answered."""
    return _line(custom_id, None, _Error(code, _NEVER_RUN[code]))


def _body(job: Job, log: list[Event], usage: Usage) -> bytes:
    if isinstance(job, EmbedJob):
        return _vectors_body(job, rows_of(log), usage.prompt_tokens)
    answer = answer_of(job)
    for event in log:
        answer.add(event)
    return answer.body()


def _vectors_body(job: EmbedJob, rows: Floats, tokens: int) -> bytes:
    vectors = [_base64(row) if job.shown.base64 else _digits(row) for row in rows]
    data = b",".join(
        b'{"object":"embedding","index":%d,"embedding":%b}' % numbered
        for numbered in enumerate(vectors)
    )
    usage = b'{"prompt_tokens":%d,"total_tokens":%d}' % (tokens, tokens)
    return b'{"object":"list","data":[%b],"model":%b,"usage":%b}' % (
        data,
        _encode(job.model),
        usage,
    )


def _responded(custom_id: str, request_id: str, status: int, body: bytes) -> bytes:
    return _line(custom_id, _Response(status, request_id, Raw(body)), None)


def _line(custom_id: str, response: _Response | None, error: _Error | None) -> bytes:
    return _encode(_Line(f"batch_req_{new_id()}", custom_id, response, error)) + b"\n"


def _digits(row: Any) -> bytes:
    return orjson.dumps(np.ascontiguousarray(row, np.float32), option=orjson.OPT_SERIALIZE_NUMPY)


def _base64(row: Any) -> bytes:
    return b'"%b"' % base64.b64encode(row.astype("<f4").tobytes())
