"""What OpenAI's clients are told when something is wrong, and in which shape."""

from __future__ import annotations

import msgspec

import tasks.errors
from app.batches.errors import BatchEnded, UnknownBatch
from app.files.errors import StoreUnavailable, UnknownFile
from tasks.errors import TaskError

INVALID_REQUEST = "invalid_request_error"
RATE_LIMIT = "rate_limit_error"
UNAVAILABLE = "unavailable_error"
SERVER = "server_error"


class BadRequest(Exception):
    """Raised when a request cannot become a job; the client must change it, not repeat it."""

    status = 400

    def __init__(
        self, message: str, *, param: str | None = None, code: str | None = "invalid_value"
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code


class InvalidJSON(BadRequest):
    """Raised when the body is no JSON that this API reads."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message, param=param, code="invalid_json")


class Unsupported(BadRequest):
    """Raised when a request is well formed but asks for what this release does not do."""

    def __init__(self, message: str, *, param: str | None = None) -> None:
        super().__init__(message, param=param, code="unsupported_value")


class ServerRestarting(TaskError):
    """Raised when this process is stopped before the answer is complete; its job goes on."""

    code = "server_restarting"


class ErrorObject(msgspec.Struct, frozen=True):
    """OpenAI's error object; ``code`` is a string or null, never a number."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(msgspec.Struct, frozen=True):
    """The envelope that carries an error object, as a body and as a stream's last event."""

    error: ErrorObject


def error_body(
    message: str,
    type: str = INVALID_REQUEST,
    param: str | None = None,
    code: str | None = None,
) -> bytes:
    """The JSON of an error answer, or of the error event inside a stream."""
    return msgspec.json.encode(ErrorBody(ErrorObject(message, type, param, code)))


# The one table: what went wrong with a job -> HTTP status; OpenAI's ``type`` follows from it.
STATUS: dict[type[TaskError], int] = {
    tasks.errors.InvalidJob: 400,
    tasks.errors.UnknownModel: 404,
    tasks.errors.UnknownJob: 404,
    UnknownFile: 404,
    UnknownBatch: 404,
    tasks.errors.LogExpired: 410,
    tasks.errors.JobCancelled: 409,
    tasks.errors.IdempotencyConflict: 409,
    BatchEnded: 409,
    tasks.errors.QueueFull: 429,
    tasks.errors.RateLimited: 429,
    tasks.errors.DeadlineExceeded: 504,
    tasks.errors.DeadLetter: 500,
    tasks.errors.ModelFailed: 500,
    tasks.errors.QueueUnavailable: 503,
    tasks.errors.ModelUnavailable: 503,
    StoreUnavailable: 503,
    ServerRestarting: 503,
    tasks.errors.UnsupportedVersion: 500,
    TaskError: 500,
}


def status_of(error: TaskError | BadRequest) -> int:
    """The status of the error's class, or of the nearest class above it."""
    if isinstance(error, BadRequest):
        return error.status
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def error_type(error: TaskError | BadRequest) -> str:
    """OpenAI's ``type`` for ``error``: whose fault it was, the client's or the server's."""
    status = status_of(error)
    if status == 429:
        return RATE_LIMIT
    if status < 500:
        return INVALID_REQUEST
    return UNAVAILABLE if status == 503 else SERVER


def body_of(error: TaskError | BadRequest) -> bytes:
    """The error object of ``error``, as it answers a request or ends a stream."""
    return error_body(error.message, error_type(error), error.param, error.code)
