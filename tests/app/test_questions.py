"""The lane to a model's worker: Celery's remote control on a real Redis."""

from __future__ import annotations

from typing import Any

import pytest
from celery import Celery

from app.questions import Questions
from tasks.celery import make_celery
from tasks.errors import ContextLengthExceeded
from tasks.ledger import Ledger
from tasks.settings import QueueSettings
from tests.app.lane import node

NODE = "chat.echo@here"


@pytest.fixture
def celery(settings: QueueSettings) -> Celery:
    """The application whose remote control it is."""
    return make_celery(settings)


def test_the_answer_lies_where_the_question_lay(celery: Celery, ledger: Ledger) -> None:
    """The command names the key alone; the worker's answer comes from there, and the key goes."""
    seen: dict[str, object] = {}
    key = ledger.keys.question("q1")

    def double(_state: object, **named: str) -> dict[str, Any]:
        body = ledger.redis.get(key)
        assert body is not None
        seen.update(named, body=body)
        ledger.redis.set(key, body * 2, xx=True)
        return {"answered": True}

    with node(celery, NODE, double=double):
        asked = Questions(celery, ledger, 5).ask(NODE, "double", "q1", b"secret")
    assert asked == b"secretsecret"
    assert seen == {"question": "q1", "body": b"secret"}
    assert ledger.redis.get(key) is None


def test_a_refusal_is_raised_as_the_error_that_it_is(celery: Celery, ledger: Ledger) -> None:
    """Class, message and param come across, and the key goes."""
    told = {"code": "context_length_exceeded", "message": "Too long.", "param": "messages"}
    with (
        node(celery, NODE, check=lambda _state, question: told),
        pytest.raises(ContextLengthExceeded, match="Too long") as refused,
    ):
        Questions(celery, ledger, 5).ask(NODE, "check", "q1", b"x")
    assert refused.value.param == "messages"
    assert ledger.redis.get(ledger.keys.question("q1")) is None


def test_a_worker_that_cannot_answer_gives_no_answer(celery: Celery, ledger: Ledger) -> None:
    """Neither one without a model nor a command that fails is an answer."""

    def broken(_state: object, question: str) -> object:
        raise RuntimeError("secret")

    commands = {"bare": lambda _state, question: {"error": "no model"}, "broken": broken}
    with node(celery, NODE, **commands):
        questions = Questions(celery, ledger, 5)
        assert questions.ask(NODE, "bare", "q1", b"x") is None
        assert questions.ask(NODE, "broken", "q2", b"x") is None


def test_without_a_worker_there_is_no_answer_in_time(celery: Celery, ledger: Ledger) -> None:
    """The asker goes on after its timeout, and takes the question away."""
    assert Questions(celery, ledger, 0.1).ask(NODE, "check", "q1", b"x") is None
    assert ledger.redis.get(ledger.keys.question("q1")) is None
