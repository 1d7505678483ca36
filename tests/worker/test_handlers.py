"""What the handlers make of errors."""

from __future__ import annotations

import pytest

from tasks.errors import ContextLengthExceeded, TaskError
from worker.handlers import translate
from worker.runtimes.errors import DecodeFailed, InvalidPrompt


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ContextLengthExceeded("m"), "context_length_exceeded"),
        (InvalidPrompt("m"), "invalid_value"),
        (DecodeFailed("secret"), "model_error"),
        (KeyError("secret"), "internal_error"),
    ],
)
def test_errors_cross_as_the_waists_own(error: Exception, code: str) -> None:
    """What the client may know is kept; what it may not is replaced."""
    translated = translate(error)
    assert isinstance(translated, TaskError)
    assert translated.code == code
    assert "secret" not in translated.message
