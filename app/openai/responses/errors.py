"""What goes wrong with a response, in the words of OpenAI's response object and of its stream."""

from __future__ import annotations

import msgspec

from app.openai.errors import error_type
from tasks.errors import ContextLengthExceeded, InvalidJob, TaskError, UnknownJob, from_code

# A worker calls the fields as a chat does. The longer names first.
_FIELDS = (
    ("response_format.json_schema", "text.format"),
    ("response_format", "text.format"),
    ("max_tokens", "max_output_tokens"),
    ("messages", "input"),
)


class UnknownResponse(UnknownJob):
    """Raised when a response is not there: never made, forgotten, or another owner's."""

    code = "response_not_found"

    def __init__(self, response: str) -> None:
        super().__init__(
            f"There is no response {response!r} to be had: it never was, or has been forgotten"
            " since its end. Ask for one with 'background' set to true to fetch it later.",
            param="response_id",
        )


class ResponseError(msgspec.Struct, frozen=True):
    """Why a response failed: ``code`` is one of OpenAI's, of which there are few."""

    code: str
    message: str
    type: str
    param: str | None


def by_its_fields(error: TaskError) -> TaskError:
    """``error`` with the names that a response's fields have, where it names one of a chat's."""
    if error.param is None:
        return error
    message, param = error.message, error.param
    for chats, own in _FIELDS:
        # Where a length is at fault nothing in the message is the client's own.
        quote = "" if isinstance(error, ContextLengthExceeded) else "'"
        message = message.replace(f"{quote}{chats}", f"{quote}{own}")
        if param.startswith(chats):
            param = own + param.removeprefix(chats)
    return from_code(error.code, message, param)


def response_error(error: TaskError) -> ResponseError:
    """The error of a job as its response shows it."""
    error = by_its_fields(error)
    code = "invalid_prompt" if isinstance(error, InvalidJob) else "server_error"
    return ResponseError(code, error.message, error_type(error), error.param)
