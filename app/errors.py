"""One table: what went wrong -> HTTP status and OpenAI's error object."""

from __future__ import annotations

import redis
import structlog
from flask import Flask, Response, g, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.openai.errors import INVALID_REQUEST, SERVER, BadRequest, error_body, error_type
from tasks import errors as task_errors
from tasks.errors import TaskError

log = structlog.get_logger(__name__)

# class -> (status, whether the client should try again; None leaves that to the status)
TABLE: dict[type[TaskError], tuple[int, bool | None]] = {
    task_errors.InvalidJob: (400, None),
    task_errors.UnknownModel: (404, None),
    task_errors.UnknownJob: (404, None),
    task_errors.LogExpired: (410, None),
    task_errors.JobCancelled: (409, False),
    task_errors.DeadlineExceeded: (504, False),
    task_errors.DeadLetter: (500, False),
    task_errors.ModelFailed: (500, None),
    task_errors.QueueUnavailable: (503, None),
    task_errors.UnsupportedVersion: (500, None),
    TaskError: (500, None),
}
RETRY_AFTER_S = "2"
# A client that is still sending cannot read our answer: this much is read and thrown away.
DISCARD_BYTES = 64 * 1024 * 1024


def lookup(error: TaskError) -> tuple[int, bool | None]:
    """The row of the error's class, or of the nearest class above it."""
    return next(TABLE[kind] for kind in type(error).__mro__ if kind in TABLE)


def body_of(error: TaskError | BadRequest) -> bytes:
    """OpenAI's error object for ``error``, as it also ends a stream."""
    return error_body(error.message, error_type(error), error.param, error.code)


def register(app: Flask) -> None:
    """Answer every error of ``app`` in OpenAI's shape."""
    app.register_error_handler(BadRequest, _bad_request)
    app.register_error_handler(TaskError, _task_error)
    app.register_error_handler(RequestEntityTooLarge, _too_large)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(redis.RedisError, _redis_error)
    app.register_error_handler(Exception, _unexpected)


def respond(body: bytes, status: int) -> Response:
    """The error object as a JSON answer."""
    return Response(body, status=status, mimetype="application/json")


def _bad_request(error: BadRequest) -> Response:
    return respond(body_of(error), error.status)


def _task_error(error: TaskError) -> Response:
    status, retry = lookup(error)
    response = respond(body_of(error), status)
    if retry is not None:
        response.headers["x-should-retry"] = str(retry).lower()
    if status == 503:
        response.headers["Retry-After"] = RETRY_AFTER_S
    return response


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
    log.exception("request failed", job=g.get("job_id"), kind=type(error).__name__)
    body = error_body("The server failed on this request.", SERVER, None, "internal_error")
    return respond(body, 500)
