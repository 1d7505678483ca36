"""Every error as an answer in OpenAI's shape; ``openai.errors`` has the table."""

from __future__ import annotations

import contextlib
import math
import random

import redis
import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.admin.refusals import Refused
from app.batches.errors import BatchEnded
from app.openai.errors import (
    INVALID_REQUEST,
    SERVER,
    BadRequest,
    body_of,
    error_body,
    status_of,
)
from app.patience import BodyTooSlow
from tasks import errors as task_errors
from tasks.errors import TaskError
from tasks.terms import LONGEST_RETRY_AFTER_S

log = structlog.get_logger(__name__)

# Official clients try every 5xx and 409 again by themselves: here it would fail again.
NOT_AGAIN = (
    task_errors.DeadlineExceeded,
    task_errors.DeadLetter,
    task_errors.JobCancelled,
    task_errors.IdempotencyConflict,
    BatchEnded,
)
RETRY_AFTER_S = 2.0
# What fills the memory are answers that are kept: they go by and by.
ROOM_AFTER_S = 10.0
# Clients that were refused together must not come back together.
SPREAD = 1.25
# A client that is still sending cannot read our answer: this much is read and thrown away.
DISCARD_BYTES = 64 * 1024 * 1024


def register(app: Flask) -> None:
    """Answer every error of ``app`` in OpenAI's shape."""
    app.register_error_handler(BadRequest, _bad_request)
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(TaskError, _task_error)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(redis.RedisError, _redis_error)
    app.register_error_handler(Exception, _unexpected)


def respond(body: bytes, status: int) -> Response:
    """The error object as a JSON answer."""
    return Response(body, status=status, mimetype="application/json")


def _bad_request(error: BadRequest) -> Response:
    response = respond(body_of(error), error.status)
    if error.status >= 500:
        # What only the client can change, official clients would ask for again.
        response.headers["x-should-retry"] = "false"
    return response


def _refused(error: Refused) -> Response:
    response = respond(error.body, error.status)
    response.headers.update(error.headers)
    return response


def _task_error(error: TaskError) -> Response:
    response = respond(body_of(error), status_of(error))
    if isinstance(error, NOT_AGAIN):
        response.headers["x-should-retry"] = "false"
    if response.status_code in {429, 503}:
        after_s = _retry_after_s(error)
        response.headers["Retry-After"] = str(math.ceil(after_s))
        # Official clients read this one first: a few whole seconds are no spread.
        response.headers["retry-after-ms"] = str(math.ceil(after_s * 1000))
    return response


def _retry_after_s(error: TaskError) -> float:
    if isinstance(error, task_errors.QueueFull):
        least_s = min(error.retry_after_s or RETRY_AFTER_S, LONGEST_RETRY_AFTER_S / SPREAD)
    elif isinstance(error, task_errors.QueueOutOfMemory):
        least_s = ROOM_AFTER_S
    elif isinstance(error, task_errors.RateLimited) and error.retry_after_s is not None:
        # One client's own time, known exactly.
        return error.retry_after_s
    else:
        return RETRY_AFTER_S
    return least_s * random.uniform(1, SPREAD)


def _redis_error(error: redis.RedisError) -> Response:
    log.error("redis does not answer", error=type(error).__name__, job=g.get("job_id"))
    return _task_error(task_errors.QueueUnavailable("The queue does not answer at the moment."))


def _too_large(_error: RequestEntityTooLarge) -> Response:
    limit = request.max_content_length
    _discard_body()
    body = error_body(
        f"The request body is larger than {limit} bytes. Send less, or in several requests.",
        INVALID_REQUEST,
        None,
        "request_too_large",
    )
    return respond(body, 413)


def _discard_body() -> None:
    stream, left = request.environ["wsgi.input"], DISCARD_BYTES
    with contextlib.suppress(BodyTooSlow):
        while left > 0 and (read := stream.read(min(left, 65536))):
            left -= len(read)


def _http_error(error: HTTPException) -> Response:
    status = error.code or 500
    kind = INVALID_REQUEST if status < 500 else SERVER
    messages = {
        404: f"Unknown URL: {request.method} {request.path}. The documentation lists all of them.",
        405: f"{request.method} is not allowed on {request.path}.",
    }
    code = {404: "unknown_url", 405: "method_not_allowed"}.get(status)
    message = messages.get(status, error.description or "The request failed.")
    response = respond(error_body(message, kind, None, code), status)
    for name, value in error.get_headers():
        if name.lower() == "allow":
            response.headers[name] = value
    return response


def _unexpected(error: Exception) -> Response:
    log.error("request failed", job=g.get("job_id"), exc_info=error)
    body = error_body("The server failed on this request.", SERVER, None, "internal_error")
    return respond(body, 500)
