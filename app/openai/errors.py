"""What OpenAI's clients are told when something is wrong, and in which shape."""

from __future__ import annotations

import msgspec

from tasks.errors import InvalidJob, QueueUnavailable, TaskError, UnknownJob, UnknownModel

INVALID_REQUEST = "invalid_request_error"
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


def error_type(error: TaskError | BadRequest) -> str:
    """OpenAI's ``type`` for ``error``: whose fault it was, the client's or the server's."""
    if isinstance(error, BadRequest | InvalidJob | UnknownModel | UnknownJob):
        return INVALID_REQUEST
    if isinstance(error, QueueUnavailable):
        return UNAVAILABLE
    return SERVER
