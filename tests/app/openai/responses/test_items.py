"""What the items of an input become."""

from __future__ import annotations

from typing import Any

import pytest

from app.openai.errors import BadRequest
from tasks.jobs import Message, ToolCall
from tests.app.images.files import data_url, good
from tests.app.openai.responses.conftest import Respond

CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}
USER = {"role": "user", "content": "hi"}


def call(number: int) -> ToolCall:
    return ToolCall(f"c{number}", "f", "{}")


def test_a_text_is_what_the_user_says(respond: Respond) -> None:
    """A string for an input is one message of the user's."""
    assert respond(input="hello").messages == (Message("user", "hello"),)


def test_instructions_come_first(respond: Respond) -> None:
    """As a message of the system's; an empty one is none."""
    assert respond(instructions="be brief").messages[0] == Message("system", "be brief")
    assert len(respond(instructions="").messages) == 1


@pytest.mark.parametrize(
    ("role", "becomes"),
    [("user", "user"), ("system", "system"), ("developer", "system"), ("assistant", "assistant")],
)
@pytest.mark.parametrize("named", [{}, {"type": "message"}, {"type": None}])
def test_a_message_keeps_its_role(
    respond: Respond, role: str, becomes: str, named: dict[str, Any]
) -> None:
    """With its type or without it; the developer's is the system's."""
    messages = respond(input=[named | {"role": role, "content": "x"}]).messages
    assert messages == (Message(becomes, "x"),)


def test_parts_are_one_text(respond: Respond) -> None:
    """Those of an input and those of an earlier output alike."""
    said = {"role": "user", "content": [{"type": "input_text", "text": t} for t in ("a", "b")]}
    output: dict[str, Any] = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": "c", "annotations": [], "logprobs": []}],
    }
    messages = respond(input=[said, output]).messages
    assert messages == (Message("user", "a\nb"), Message("assistant", "c"))


def test_calls_in_a_row_are_one_message(respond: Respond) -> None:
    """With what the assistant said before them; a call's output ends the row."""
    said = {"role": "assistant", "content": "well"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "1"}
    second = CALL | {"call_id": "c2"}
    items = [USER, said, CALL, {"type": "reasoning", "summary": []}, second, output, CALL]
    assert respond(input=items).messages == (
        Message("user", "hi"),
        Message("assistant", "well", tool_calls=(call(1), call(2))),
        Message("tool", "1", tool_call_id="c1"),
        Message("assistant", "", tool_calls=(call(1),)),
    )


def test_the_output_of_a_call_may_be_parts(respond: Respond) -> None:
    """They are joined as any content's."""
    parts = [{"type": "input_text", "text": "sunny"}]
    output = {"type": "function_call_output", "call_id": "c1", "output": parts}
    assert respond(input=[USER, CALL, output]).messages[-1].content == "sunny"


def test_an_image_stands_where_it_was_shown(respond: Respond) -> None:
    """Behind the text before it, with its bytes."""
    content = [
        {"type": "input_text", "text": "this"},
        {"type": "input_image", "image_url": data_url(good("PNG")), "detail": "auto"},
    ]
    [message] = respond(model="look", input=[{"role": "user", "content": content}]).messages
    assert [image.at for image in message.images] == [4]
    assert message.images[0].data.startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("item", "param"),
    [
        ({"role": "tool", "content": "x"}, "input[1].role"),
        ({"type": "message", "content": "x"}, "input[1].role"),
        ({"role": "user"}, "input[1].content"),
        ({"role": "user", "content": [{"type": "input_text"}]}, "input[1].content[0].text"),
        ({"role": "user", "content": [{"type": "video"}]}, "input[1].content[0].type"),
        ({"role": "user", "content": [{"type": "input_file"}]}, "input[1].content[0]"),
        (
            {"role": "user", "content": [{"type": "input_image", "file_id": "file-1"}]},
            "input[1].content[0].file_id",
        ),
        (
            {"role": "user", "content": [{"type": "input_image", "image_url": "data:,x"}]},
            "input[1].content[0]",
        ),
        ({"type": "item_reference", "id": "msg_1"}, "input[1]"),
        ({"type": "web_search_call", "id": "ws_1"}, "input[1].type"),
        ({"id": "msg_1"}, "input[1].type"),
        (CALL | {"name": None}, "input[1].name"),
        (CALL | {"name": "a b"}, "input[1].name"),
        (CALL | {"call_id": None}, "input[1].call_id"),
        (CALL | {"arguments": {}}, "input[1].arguments"),
        ({"type": "function_call_output", "output": "x"}, "input[1].call_id"),
        ({"type": "function_call_output", "call_id": "c1"}, "input[1].output"),
        ({"type": "function_call_output", "call_id": "c1", "output": 5}, "input[1].output"),
        (
            {"type": "function_call_output", "call_id": "c1", "output": [{"type": "input_image"}]},
            "input[1].output[0]",
        ),
    ],
)
def test_an_item_at_fault_is_named(respond: Respond, item: dict[str, Any], param: str) -> None:
    """With its place, and in a message that says what to send."""
    with pytest.raises(BadRequest) as refused:
        respond(input=[USER, item])
    assert refused.value.param == param
    assert param in refused.value.message


@pytest.mark.parametrize("given", [[], [{"type": "reasoning", "summary": []}]])
def test_an_input_must_say_something(respond: Respond, given: list[Any]) -> None:
    """No items, or none that say anything, are no conversation."""
    with pytest.raises(BadRequest) as refused:
        respond(input=given)
    assert refused.value.param == "input"
