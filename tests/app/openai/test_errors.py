from __future__ import annotations

import json

import pytest

from app.openai.errors import BadRequest, InvalidJSON, Unsupported, error_body, error_type
from tasks.errors import (
    ContextLengthExceeded,
    DeadlineExceeded,
    IdempotencyConflict,
    ModelFailed,
    QueueFull,
    QueueOutOfMemory,
    QueueUnavailable,
    TaskError,
    UnknownModel,
)


def test_an_error_body_has_exactly_openais_four_fields() -> None:
    """The error object holds message, type, param and code, inside ``error``."""
    body = json.loads(error_body("No.", param="n", code="invalid_value"))
    assert body == {
        "error": {
            "message": "No.",
            "type": "invalid_request_error",
            "param": "n",
            "code": "invalid_value",
        }
    }


def test_absent_param_and_code_are_null() -> None:
    """An error without a field or a code says null for both, as OpenAI's does."""
    error = json.loads(error_body("No.", "server_error"))["error"]
    assert (error["type"], error["param"], error["code"]) == ("server_error", None, None)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (BadRequest("No."), "invalid_value"),
        (InvalidJSON("No."), "invalid_json"),
        (Unsupported("No."), "unsupported_value"),
    ],
)
def test_every_bad_request_is_a_400_with_a_stable_code(error: BadRequest, code: str) -> None:
    """Subclasses differ in their code, never in their status."""
    assert (error.status, error.code, error.message, str(error)) == (400, code, "No.", "No.")


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (BadRequest("x"), "invalid_request_error"),
        (ContextLengthExceeded("x"), "invalid_request_error"),
        (UnknownModel("x"), "invalid_request_error"),
        (IdempotencyConflict("x"), "invalid_request_error"),
        (QueueFull("x"), "rate_limit_error"),
        (QueueUnavailable("x"), "unavailable_error"),
        (QueueOutOfMemory("x"), "unavailable_error"),
        (ModelFailed("x"), "server_error"),
        (DeadlineExceeded("x"), "server_error"),
        (TaskError("x"), "server_error"),
    ],
)
def test_an_errors_type_says_whose_fault_it_was(error: TaskError | BadRequest, kind: str) -> None:
    """Invalid requests are the client's, a limit is nobody's, what is unavailable will be back."""
    assert error_type(error) == kind
