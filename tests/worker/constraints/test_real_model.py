"""The whole way with a real model at temperature 1: what it says keeps to its form."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from tasks.jobs import ChatJob, Form, Message, Sampling
from tests.worker.constraints.byte_model import ByteModel
from tests.worker.constraints.schemas import SCHEMAS
from tests.worker.constraints.test_gbnf import MOVES, SUM
from tests.worker.constraints.tools import ADD, WEATHER, chat
from tests.worker.constraints.walks import follows
from tests.worker.runtimes.default_models import SMOLLM2
from worker.constraints import Prepared, Rules
from worker.engine.constraint import Reader
from worker.runtimes.base import ChatRuntime, Feed
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import resolve

_MOST_TOKENS = 96
_SEEDS = (1, 2)
_QUICK = ("person", "quarters", "tuple")


@pytest.fixture(scope="module")
def llama() -> Iterator[ChatRuntime]:
    pytest.importorskip("llama_cpp")
    from worker.runtimes.llama import LlamaRuntime

    try:
        path = resolve(SMOLLM2)
    except LoadFailed as error:
        pytest.skip(str(error))
    runtime = LlamaRuntime(path, slots=1, context=1024)
    yield runtime
    runtime.shutdown()


@pytest.fixture(scope="module")
def rules(llama: ChatRuntime) -> Rules:
    return Rules(llama)


def answer(llama: ChatRuntime, prepared: Prepared, seed: int) -> tuple[str, bool]:
    """What the model says within its constraint, and whether it came to the end."""
    assert prepared.constrain is not None
    constraint = prepared.constrain()
    feed = llama.prompt(prepared.messages, prepared.tools)
    said = b""
    llama.keep(0, 0)
    llama.open(0, Sampling(temperature=1.0), seed=seed)
    try:
        for _ in range(_MOST_TOKENS):
            (drawn,) = llama.decode([Feed(0, feed, sample=True, mask=constraint.mask())])
            constraint.accept(drawn.token)
            if llama.ends(drawn.token):
                return said.decode(), True
            said += llama.piece(drawn.token)
            feed = [drawn.token]
        return said.decode("utf-8", "replace"), False
    finally:
        llama.close(0)


def job(form: Form, words: str) -> ChatJob:
    """A job that asks for the form in words, too."""
    return chat(tools=(), form=form, messages=(Message("user", words),))


@pytest.mark.parametrize(
    "name",
    [name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in SCHEMAS],
)
def test_answers_validate(name: str, llama: ChatRuntime, rules: Rules) -> None:
    """Every answer that ends is valid to an independent validator."""
    schema = SCHEMAS[name]
    validator = Draft202012Validator(schema)
    prepared = rules.prepare(
        job(Form("schema", json.dumps(schema)), f"Give me a short example of {name} as JSON.")
    )
    for seed in _SEEDS:
        text, ended = answer(llama, prepared, seed)
        if ended:
            validator.validate(json.loads(text))
        else:
            assert len(text) > 40, f"{text!r} neither ended nor went on"


@pytest.mark.parametrize("source", [MOVES, SUM])
def test_answers_parse(source: str, llama: ChatRuntime, rules: Rules) -> None:
    """Every answer that ends is in the grammar's language, followed again byte by byte."""
    prepared = rules.prepare(job(Form("gbnf", source), "Write an example."))
    again = Rules(ByteModel()).prepare(job(Form("gbnf", source), "")).constrain
    assert again is not None
    for seed in _SEEDS:
        text, ended = answer(llama, prepared, seed)
        assert text
        assert not ended or follows(again(), text)


def calls_in(reader: Reader, text: str) -> tuple[str, list[dict[str, Any]]]:
    """The content and the calls of a text that comes in pieces."""
    reads = [*(reader.push(text[i : i + 3]) for i in range(0, len(text), 3)), reader.finish()]
    calls: list[dict[str, Any]] = []
    for delta in (delta for each in reads for delta in each.calls):
        if delta.name is not None:
            calls.append({"name": delta.name, "text": ""})
        calls[delta.index]["text"] += delta.arguments
    return "".join(each.content for each in reads), calls


@pytest.mark.parametrize(
    "fields",
    [
        {"tool_choice": "required"},
        {"tool_choice": "required", "parallel_tool_calls": False},
        {"tool_choice": "required", "tool_name": "add"},
        {"tool_choice": "auto"},
    ],
)
def test_calls_validate(fields: dict[str, Any], llama: ChatRuntime, rules: Rules) -> None:
    """Whatever the model calls has valid arguments, and where it must call it does."""
    tools = {t.name: Draft202012Validator(json.loads(t.parameters)) for t in (WEATHER, ADD)}
    question = Message("user", "What is the weather in Paris for 3 days, and what is 12 plus 30?")
    prepared = rules.prepare(chat(messages=(question,), **fields))
    assert prepared.read is not None
    for seed in (*_SEEDS, 3):
        text, ended = answer(llama, prepared, seed)
        content, calls = calls_in(prepared.read(), text)
        for call in calls if ended else calls[:-1]:
            tools[call["name"]].validate(json.loads(call["text"]))
        if fields["tool_choice"] == "required":
            assert calls
            assert not content
        if fields.get("tool_name"):
            assert [call["name"] for call in calls] == ["add"]
