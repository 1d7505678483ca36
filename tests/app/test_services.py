"""When a worker is asked before a job is accepted."""

from __future__ import annotations

from typing import Any

import pytest

from app.services import only_a_worker_knows
from tasks.jobs import ChatJob, CompletionJob, Form, Image, Message, Sampling, Tool, ToolCall
from tasks.model import Model

MODEL = Model(name="m", kind="chat", source="echo:", context=200)
CALLED = Message("assistant", "", tool_calls=(ToolCall("c", "f", "{}"),))


def chat(content: str = "hello", **fields: Any) -> ChatJob:
    least: dict[str, Any] = {"id": "j", "model": "m", "messages": (Message("user", content),)}
    return ChatJob(**(least | fields))


def complete(**fields: Any) -> CompletionJob:
    return CompletionJob(id="j", model="m", max_tokens=16, **fields)


@pytest.mark.parametrize(
    "job",
    [
        chat(),
        chat("x" * 119),
        chat(top_logprobs=5, stop=("a",), n=4),
        complete(texts=("x" * 182,)),
    ],
)
def test_what_fits_for_certain_is_not_asked_about(job: ChatJob | CompletionJob) -> None:
    """A question costs the request milliseconds and the worker some."""
    assert not only_a_worker_knows(job, MODEL)


@pytest.mark.parametrize(
    "job",
    [
        chat("x" * 120),
        chat(max_tokens=150),
        chat(sampling=Sampling(logit_bias={5: 1.0})),
        chat(form=Form("json")),
        chat(tools=(Tool("f"),)),
        chat(tools=(Tool("f"),), tool_choice="none"),
        chat(messages=(CALLED,)),
        chat(messages=(Message("user", "", images=(Image(0, b"a picture"),)),)),
        complete(texts=("x" * 183,)),
        complete(texts=("x",), form=Form("gbnf", 'root ::= "a"')),
        complete(texts=("x",), sampling=Sampling(logit_bias={5: 1.0})),
        complete(tokens=((1,),)),
    ],
)
def test_what_only_the_worker_knows_is_asked(job: ChatJob | CompletionJob) -> None:
    """Lengths near the context, token ids, grammars, and what a template makes of tools."""
    assert only_a_worker_knows(job, MODEL)
