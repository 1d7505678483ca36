"""``/v1/responses`` through the official client: the real model, and its stream cut and resumed."""

from __future__ import annotations

import json
import time
from typing import Any

import openai
import pytest
from openai.lib._tools import pydantic_function_tool
from openai.lib.streaming.responses import ResponseStreamEvent
from pydantic import BaseModel, Field

from tests.acceptance.stack import Stack
from tests.acceptance.test_forms_and_tools import NAMED_PERSON, Person
from tests.acceptance.test_openai_client import CHAT

QUESTION = "Explain what a message queue is in one sentence."
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 20}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
# A small model that must call and may go on does so until it is cut off.
ONE_CALL: dict[str, Any] = {
    "input": "What is the weather in Rome?",
    "tools": [WEATHER],
    "tool_choice": "required",
    "parallel_tool_calls": False,
}
SLOW: dict[str, Any] = {"model": "slow", "input": "word " * 60}


def respond(stack: Stack, **changes: Any) -> Any:
    """A response of the real model."""
    fields: dict[str, Any] = {
        "model": CHAT,
        "input": QUESTION,
        "temperature": 0,
        "max_output_tokens": 40,
        # With it off equal requests have equal answers: docs/use.md says why.
        "extra_body": {"cache_prompt": False},
    } | changes
    return stack.client.responses.create(**fields)


def test_a_response_is_the_chats_answer(stack: Stack) -> None:
    """The same text and tokens, by other names."""
    response = respond(stack, instructions="Be brief.")
    chat: Any = stack.client.chat.completions.create(
        model=CHAT,
        messages=[
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": QUESTION},
        ],
        temperature=0,
        max_tokens=40,
        extra_body={"cache_prompt": False},
    )
    assert response.output_text == chat.choices[0].message.content
    assert response.status in ("completed", "incomplete")
    assert response.instructions == "Be brief."
    assert response.usage.input_tokens == chat.usage.prompt_tokens
    assert response.usage.output_tokens == chat.usage.completion_tokens
    assert response.id == f"resp_{response._request_id}"


def test_a_streamed_response_is_the_whole_response(stack: Stack) -> None:
    """The deltas are its text, the numbers follow one another, the end holds everything."""
    events: list[ResponseStreamEvent[None]] = list(respond(stack, stream=True))
    text = "".join(e.delta for e in events if e.type == "response.output_text.delta")
    last: Any = events[-1]
    assert last.type in ("response.completed", "response.incomplete")
    assert text == last.response.output_text == respond(stack).output_text
    assert [e.sequence_number for e in events] == list(range(1, len(events) + 1))
    assert len(events) > 20


def test_the_clients_own_stream_puts_it_together(stack: Stack) -> None:
    """With its snapshots, and a form that it parses the answer by."""
    with stack.client.responses.stream(
        model=CHAT,
        input="Invent a person.",
        text_format=Person,
        temperature=0,
        max_output_tokens=500,
    ) as stream:
        snapshots = [e.snapshot for e in stream if e.type == "response.output_text.delta"]
        final = stream.get_final_response()
    assert isinstance(final.output_parsed, Person)
    assert snapshots[-1] == final.output_text


def test_an_answer_keeps_its_schema(stack: Stack) -> None:
    """``text.format`` and ``parse`` alike."""
    form: Any = {"type": "json_schema", **NAMED_PERSON}
    person = json.loads(respond(stack, text={"format": form}, max_output_tokens=200).output_text)
    assert list(person) == ["name", "age", "colour"]
    parsed = stack.client.responses.parse(
        model=CHAT,
        input="Invent a person.",
        text_format=Person,
        temperature=0,
        max_output_tokens=500,
    )
    assert isinstance(parsed.output_parsed, Person)


class GetWeather(BaseModel):
    """The weather of a city."""

    city: str = Field(max_length=20)


def test_a_required_tool_is_called(stack: Stack) -> None:
    """Whole and streamed; the client parses the arguments by the tool's class."""
    [call] = respond(stack, max_output_tokens=100, **ONE_CALL).output
    assert (call.type, call.name, call.status) == ("function_call", "get_weather", "completed")
    events: list[Any] = list(respond(stack, max_output_tokens=100, stream=True, **ONE_CALL))
    pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert "".join(pieces) == call.arguments
    [done] = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert done.arguments == call.arguments
    tool: Any = {"type": "function", **pydantic_function_tool(GetWeather)["function"]}
    parsed = stack.client.responses.parse(
        model=CHAT, temperature=0, max_output_tokens=100, **(ONE_CALL | {"tools": [tool]})
    )
    [found] = parsed.output
    assert found.type == "function_call"
    assert set(json.loads(found.arguments)) == {"city"}


def test_a_tools_answer_goes_on_in_the_conversation(stack: Stack) -> None:
    """The output is sent back as it came, with the call's answer behind it."""
    asked: list[Any] = [{"role": "user", "content": ONE_CALL["input"]}]
    first = respond(stack, max_output_tokens=100, **(ONE_CALL | {"input": asked}))
    [call] = first.output
    result = {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": "sunny, 31 degrees",
    }
    turns = [*asked, *(item.model_dump() for item in first.output), result]
    fields = ONE_CALL | {"tool_choice": "none"}
    answer = respond(stack, **(fields | {"input": turns}))
    assert answer.output_text
    assert answer.usage.input_tokens > respond(stack, **fields).usage.input_tokens


def test_a_conversation_goes_on_with_its_output(stack: Stack) -> None:
    """Stateless: the earlier items come again, and are found in the slot's memory."""
    turns: list[Any] = [{"role": "user", "content": QUESTION}]
    first = respond(stack, input=turns, extra_body={})
    turns += [item.model_dump() for item in first.output]
    turns.append({"role": "user", "content": "Why?"})
    second = respond(stack, input=turns, extra_body={})
    assert second.usage.input_tokens_details.cached_tokens >= first.usage.total_tokens - 2


def test_what_is_cut_off_is_incomplete(stack: Stack) -> None:
    """The reason is OpenAI's."""
    response = respond(stack, max_output_tokens=5)
    assert (response.status, response.usage.output_tokens) == ("incomplete", 5)
    assert response.incomplete_details.reason == "max_output_tokens"


def test_logprobs_concatenate_to_the_text(stack: Stack) -> None:
    """With as many alternatives as were asked for."""
    fields: dict[str, Any] = {"include": ["message.output_text.logprobs"], "top_logprobs": 2}
    response = respond(stack, max_output_tokens=8, **fields)
    entries = response.output[0].content[0].logprobs
    assert "".join(entry.token for entry in entries) == response.output_text
    assert all(len(entry.top_logprobs) == 2 for entry in entries)


def test_a_background_response_is_polled(stack: Stack) -> None:
    """It is queued at once, and there when it is done."""
    response = stack.client.responses.create(**SLOW, background=True)
    assert response.status in ("queued", "in_progress")
    give_up_at = time.monotonic() + 30
    while response.status in ("queued", "in_progress"):
        assert time.monotonic() < give_up_at
        time.sleep(0.1)
        response = stack.client.responses.retrieve(response.id)
    assert response.status == "completed"
    assert response.output_text.split() == ["word"] * 60
    stack.client.responses.delete(response.id)
    with pytest.raises(openai.NotFoundError) as gone:
        stack.client.responses.retrieve(response.id)
    assert gone.value.code == "response_not_found"


def test_a_background_stream_goes_on_after_a_cut(stack: Stack) -> None:
    """From the number after the last one, and the client's own stream from the beginning."""
    stream = stack.client.responses.create(**SLOW, background=True, stream=True)
    seen: list[Any] = []
    for event in stream:
        seen.append(event)
        if len(seen) == 12:
            break
    stream.close()
    response_id = seen[0].response.id
    rest = stack.client.responses.retrieve(
        response_id, stream=True, starting_after=seen[-1].sequence_number
    )
    seen += list(rest)
    assert [event.sequence_number for event in seen] == list(range(1, len(seen) + 1))
    text = "".join(e.delta for e in seen if e.type == "response.output_text.delta")
    assert text == seen[-1].response.output_text
    with stack.client.responses.stream(response_id=response_id, starting_after=12) as again:
        assert next(iter(again)).sequence_number == 13
        assert again.get_final_response().output_text == text


def test_a_background_response_is_cancelled(stack: Stack) -> None:
    """While it is computed; its slot is free again."""
    response = stack.client.responses.create(model="slow", input="word " * 400, background=True)
    cancelled = stack.client.responses.cancel(response.id)
    assert cancelled.status == "cancelled"
    assert stack.client.responses.retrieve(response.id).status == "cancelled"


def test_refusals_are_the_clients_errors(stack: Stack) -> None:
    """With the parameter and OpenAI's code, before any byte of a stream."""
    with pytest.raises(openai.BadRequestError) as refused:
        respond(stack, previous_response_id="resp_1")
    assert refused.value.param == "previous_response_id"
    for stream in (False, True):
        with pytest.raises(openai.BadRequestError) as refused:
            respond(stack, input="word " * 3_000, stream=stream)
        assert (refused.value.code, refused.value.param) == ("context_length_exceeded", "input")
    with pytest.raises(openai.NotFoundError) as unknown:
        respond(stack, model="gpt-9")
    assert unknown.value.code == "model_not_found"
