"""Answers that keep a form, and calls of tools, through the official client and a real model."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from tests.acceptance.stack import Stack
from tests.acceptance.test_openai_client import CHAT, ask

PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 20},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "colour": {"enum": ["red", "green"]},
    },
    "required": ["name", "age", "colour"],
    "additionalProperties": False,
}
NAMED_PERSON = {"name": "person", "schema": PERSON, "strict": True}
WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "maxLength": 20}},
            "required": ["city"],
            "additionalProperties": False,
        },
    },
}
ASK_WEATHER = [{"role": "user", "content": "What is the weather in Rome?"}]
# A small model that must call and may go on does so until it is cut off.
ONE_CALL = {"messages": ASK_WEATHER, "tools": [WEATHER], "parallel_tool_calls": False}


def streamed(chunks: Any) -> str:
    """The text of a stream."""
    return "".join(c.choices[0].delta.content or "" for c in chunks if c.choices)


@pytest.mark.parametrize("seed", [1, 2])
def test_an_answer_keeps_its_schema(stack: Stack, seed: int) -> None:
    """Streamed and whole, hot as it is drawn, the answer is a document of the schema."""
    form = {"type": "json_schema", "json_schema": NAMED_PERSON}
    fields = {"response_format": form, "temperature": 1.5, "seed": seed, "max_tokens": 200}
    choice = ask(stack, **fields).choices[0]
    person = json.loads(choice.message.content)
    assert choice.finish_reason == "stop"
    assert list(person) == ["name", "age", "colour"]
    assert 0 <= person["age"] <= 150
    assert person["colour"] in ("red", "green")
    assert json.loads(streamed(ask(stack, stream=True, **fields))) == person


class Person(BaseModel):
    """What the official client turns into a schema, and an answer back into.

    Bounded, because a small model that is asked greedily may never end a text or a list.
    """

    name: str = Field(max_length=30)
    age: int = Field(ge=0, le=150)
    tags: list[Literal["old", "new"]] = Field(max_length=3)


def test_the_official_client_parses_an_answer(stack: Stack) -> None:
    """Its ``parse`` sends a model's schema and reads the answer as that model."""
    answer = stack.client.chat.completions.parse(
        model=CHAT,
        messages=[{"role": "user", "content": "Invent a person."}],
        response_format=Person,
        temperature=0,
        max_tokens=500,
    )
    assert isinstance(answer.choices[0].message.parsed, Person)


def test_an_answer_is_an_object_where_json_is_asked_for(stack: Stack) -> None:
    """Any object; a limit may cut it, and then says so."""
    choice = ask(stack, response_format={"type": "json_object"}, max_tokens=300).choices[0]
    assert choice.message.content.lstrip().startswith("{")
    if choice.finish_reason == "stop":
        assert isinstance(json.loads(choice.message.content), dict)


def test_an_answer_keeps_its_grammar(stack: Stack) -> None:
    """llama.cpp's clients send a grammar as text."""
    grammar = 'root ::= "yes" | "no"'
    answer = ask(stack, extra_body={"grammar": grammar}, n=3, temperature=2, seed=5)
    assert {choice.message.content for choice in answer.choices} <= {"yes", "no"}
    assert {choice.finish_reason for choice in answer.choices} == {"stop"}


@pytest.mark.parametrize(
    "choice", ["required", {"type": "function", "function": {"name": "get_weather"}}]
)
def test_a_required_tool_is_called(stack: Stack, choice: Any) -> None:
    """Name and arguments are a call that the tool's schema allows, with an id."""
    [only] = ask(stack, tool_choice=choice, max_tokens=100, **ONE_CALL).choices
    assert only.finish_reason == "tool_calls"
    assert only.message.content is None
    [call] = only.message.tool_calls
    assert call.type == "function"
    assert call.id.startswith("call_")
    assert call.function.name == "get_weather"
    assert set(json.loads(call.function.arguments)) == {"city"}


def test_a_streamed_call_is_the_whole_call(stack: Stack) -> None:
    """The pieces of each call, put together by index, are the same greedy call."""
    fields = ONE_CALL | {"tool_choice": "required"}
    whole = ask(stack, max_tokens=100, **fields).choices[0].message.tool_calls
    names: dict[int, str] = {}
    arguments: dict[int, str] = {}
    reason = None
    for chunk in ask(stack, max_tokens=100, stream=True, **fields):
        [choice] = chunk.choices
        reason = choice.finish_reason or reason
        for piece in choice.delta.tool_calls or ():
            if piece.function.name:
                assert piece.id
                names[piece.index] = piece.function.name
            arguments[piece.index] = arguments.get(piece.index, "") + piece.function.arguments
    assert reason == "tool_calls"
    assert list(names.values()) == [call.function.name for call in whole]
    assert list(arguments.values()) == [call.function.arguments for call in whole]


def test_a_tools_answer_goes_on_in_the_conversation(stack: Stack) -> None:
    """A call and its result are part of the prompt; the model then writes text."""
    call = {
        "id": "call_1",
        "type": "function",
        "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
    }
    result = {"role": "tool", "tool_call_id": "call_1", "content": "sunny, 31 degrees"}
    turns = [*ASK_WEATHER, {"role": "assistant", "tool_calls": [call]}, result]
    answer = ask(stack, messages=turns, tools=[WEATHER], tool_choice="none")
    assert answer.choices[0].message.content
    shorter = ask(stack, messages=turns[:1], tools=[WEATHER], tool_choice="none")
    assert answer.usage.prompt_tokens > shorter.usage.prompt_tokens
