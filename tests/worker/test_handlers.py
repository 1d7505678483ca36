"""What the handlers make of a log and of errors."""

from __future__ import annotations

import pytest

from tasks.errors import ContextLengthExceeded, TaskError
from tasks.events import Event, Finished, Started, Token
from tasks.jobs import ChatJob, Message, Sampling
from worker.engine import Resume
from worker.handlers import chat_request, resume_from, translate
from worker.runtimes.errors import DecodeFailed, InvalidPrompt


def test_a_log_resumes_each_choice_where_it_was() -> None:
    """Tokens are gathered per choice, in order, with the end of those that ended."""
    past: list[Event] = [
        Started(3),
        Token(0, (1,), "a"),
        Token(1, (9,), "x"),
        Token(0, (2, 3), "bc"),
        Finished(1, "stop", 1),
    ]
    assert resume_from(past) == {
        0: Resume((1, 2, 3)),
        1: Resume((9,), Finished(1, "stop", 1)),
    }


def test_an_empty_log_resumes_nothing() -> None:
    """A first attempt begins at the beginning."""
    assert resume_from([Started(3)]) == {}


def test_a_jobs_seed_is_used_and_none_is_drawn() -> None:
    """Without a seed two requests differ."""
    job = ChatJob(id="1", model="m", messages=(Message("user", "x"),))
    seeded = ChatJob(id="1", model="m", messages=(), sampling=Sampling(seed=7))
    assert chat_request(seeded, (1,), []).seed == 7
    assert len({chat_request(job, (1,), []).seed for _ in range(8)}) > 1


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
