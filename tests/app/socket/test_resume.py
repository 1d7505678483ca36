"""Which jobs a connection resumes."""

from __future__ import annotations

import pytest

from app.openai.errors import Unsupported
from app.socket.answer import check_chunks
from tasks.jobs import ChatJob, Message, ResponseAsked

HELLO = (Message("user", "x"),)


def test_a_response_is_not_resumed_as_chunks() -> None:
    """Its events are others; the error says where they are."""
    job = ChatJob(id="j1", model="m", messages=HELLO, owner="ann", response=ResponseAsked())
    with pytest.raises(Unsupported, match=r"/v1/responses/resp_j1\?stream=true"):
        check_chunks(job)


def test_a_chat_is_resumed() -> None:
    """Its stream is chunks: nothing is said against it."""
    said = []
    try:
        check_chunks(ChatJob(id="j1", model="m", messages=HELLO, owner="ann"))
    except Unsupported as error:
        said.append(error.message)
    assert said == []
