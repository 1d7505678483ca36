"""When an answer on a connection is over."""

from __future__ import annotations

import threading
from typing import Any, cast

import pytest

from app.settings import ApiSettings
from app.socket import conversation
from app.socket.answer import Answer
from app.socket.connection import Connection
from app.socket.conversation import Conversation
from app.socket.messages import Create
from tasks.events import Done, Event, Usage
from tests.app.keys.conftest import Build, build

__all__ = ["build"]

ASKED = Create("a", b"{}", {})


class Chunkless:
    """An answer of nothing but its end."""

    def chunk(self, _: Event) -> bytes | None:
        """No event has one."""
        return None


class Heard:
    """A connection that looks at its answer with each message."""

    def __init__(self) -> None:
        self.answer: Answer | None = None
        self.seen: list[bool] = []

    def send(self, _: bytes) -> None:
        """Note whether the answer had ended by then."""
        assert self.answer is not None
        self.seen.append(self.answer.ended)


def test_an_answer_has_ended_when_its_last_message_leaves() -> None:
    """Who hears it asks again before the answer has put its things away."""
    heard = Heard()
    heard.answer = Answer(ASKED, cast(Connection, heard), lambda: None)
    heard.answer._tell(Chunkless(), 1, Done(Usage(1)), 0)
    assert heard.seen == [True]


def test_an_id_is_free_and_its_place_too_once_the_last_message_left(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the end of the first one's thread does not take the second one out."""
    goes_on, begun = [threading.Event(), threading.Event()], list[Any]()

    class Slow:
        def __init__(self, *_: object) -> None:
            self.ended = False
            self.goes_on = goes_on[len(begun)]
            begun.append(self)

        def run(self) -> None:
            self.goes_on.wait(5)

    monkeypatch.setattr(conversation, "Answer", Slow)
    settings = ApiSettings(socket_answers=1)
    talk = Conversation(cast(Connection, Heard()), settings, lambda: None)
    with build().application.test_request_context():
        talk._start(ASKED)
        assert talk._refusal(ASKED) is not None
        begun[0].ended = True
        assert talk._refusal(ASKED) is None
        [first] = talk._threads
        talk._start(ASKED)
    goes_on[0].set()
    first.join(5)
    assert list(talk._open.values()) == begun[1:]
    goes_on[1].set()
