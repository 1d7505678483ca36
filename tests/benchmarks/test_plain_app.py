"""What a cached answer is compared with."""

from __future__ import annotations

import json
from typing import Any

from app.openai.chat_render import ChatAnswer
from benchmarks.bodies import cached_bodies
from benchmarks.plain_app import app
from tasks.events import Done, Finished, Started, Token, Usage
from tasks.jobs import ChatJob, Message, new_id


def shape(value: Any) -> Any:
    """The names and types of a document."""
    match value:
        case dict():
            return {name: shape(each) for name, each in value.items()}
        case list():
            return [shape(each) for each in value]
    return type(value)


def test_it_answers_what_the_echo_model_does() -> None:
    """The same fields with the same text, and as many bytes but for a few spare ones."""
    [body] = cached_bodies(1, stream=False)
    asked = json.loads(body)
    text = asked["messages"][-1]["content"]
    ours = ChatAnswer(ChatJob(id=new_id(), model=asked["model"], messages=(Message("user", text),)))
    for event in (Started(9), Token(0, (1,), text), Finished(0, "stop", 1), Done(Usage(9, 1))):
        ours.add(event)
    written = ours.body()
    said = app.test_client().post(
        "/v1/chat/completions", data=body, content_type="application/json"
    )
    told = json.loads(said.data)
    assert told["choices"][0]["message"]["content"] == text
    assert shape(told) == shape(json.loads(written))
    assert 0.95 < len(said.data) / len(written) < 1.05
