"""Tools, the choice among them, and the calls of earlier turns."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.openai.chat import ChatRequest
from app.openai.errors import BadRequest
from tasks.jobs import Message, Tool, ToolCall, decode, encode

Parse = Callable[..., ChatRequest]

USER = {"role": "user", "content": "hello"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}


def tool(name: str = "f", **function: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name} | function}


def named(name: str) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name}}


def refused(parse: Parse, **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse(**fields)
    return caught.value


def test_tools_arrive_in_the_job(chat: Parse) -> None:
    """Names, descriptions and parameters in order, the parameters' keys in theirs."""
    schema = {"type": "object", "properties": {"z": {}, "a": {}}}
    job = chat(tools=[tool("f", description="d", parameters=schema, strict=True), tool("g")]).job
    assert job.tools == (
        Tool("f", "d", '{"type":"object","properties":{"z":{},"a":{}}}'),
        Tool("g"),
    )
    assert (job.tool_choice, job.tool_name, job.parallel_tool_calls) == ("auto", None, True)
    assert decode(encode(job)) == job


@pytest.mark.parametrize("parameters", [None, {}, {"type": "object"}])
def test_a_function_without_parameters_takes_an_object(chat: Parse, parameters: Any) -> None:
    """Absent, null and empty parameters are the same schema."""
    assert chat(tools=[tool(parameters=parameters)]).job.tools == (Tool("f"),)


def test_parameters_without_a_type_are_of_type_object(chat: Parse) -> None:
    """A function's arguments are an object, whether its schema says so or not."""
    (only,) = chat(tools=[tool(parameters={"properties": {"a": {}}})]).job.tools
    assert only.parameters == '{"type":"object","properties":{"a":{}}}'


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (None, ("auto", None)),
        ("auto", ("auto", None)),
        ("none", ("none", None)),
        ("required", ("required", None)),
        (named("g"), ("required", "g")),
    ],
)
def test_the_choice_arrives_in_the_job(
    chat: Parse, choice: Any, expected: tuple[str, str | None]
) -> None:
    """A named function is a required call of that one."""
    job = chat(tools=[tool("f"), tool("g")], tool_choice=choice, parallel_tool_calls=False).job
    assert (job.tool_choice, job.tool_name) == expected
    assert job.parallel_tool_calls is False


@pytest.mark.parametrize(
    ("tools", "param", "code"),
    [
        ("f", "tools", "invalid_type"),
        (["f"], "tools[0]", "invalid_type"),
        ([{}], "tools[0].type", "missing_required_parameter"),
        ([{"type": "custom", "custom": {}}], "tools[0].type", "unsupported_value"),
        ([{"type": "function"}], "tools[0].function", "missing_required_parameter"),
        (
            [{"type": "function", "function": {}}],
            "tools[0].function.name",
            "missing_required_parameter",
        ),
        ([tool(), tool("a.b")], "tools[1].function.name", "invalid_value"),
        ([tool("")], "tools[0].function.name", "invalid_value"),
        ([tool("f\n")], "tools[0].function.name", "invalid_value"),
        ([tool("f" * 65)], "tools[0].function.name", "invalid_value"),
        ([tool("é")], "tools[0].function.name", "invalid_value"),
        ([tool(), tool()], "tools[1].function.name", "invalid_value"),
        ([tool(parameters=[])], "tools[0].function.parameters", "invalid_type"),
        ([tool(parameters={"type": "array"})], "tools[0].function.parameters", "invalid_value"),
        ([tool(parameters={"type": None})], "tools[0].function.parameters", "invalid_value"),
        (
            [tool(parameters={"a": "x" * 65_536})],
            "tools[0].function.parameters",
            "invalid_value",
        ),
        ([tool(description=5)], "tools[0].function.description", "invalid_type"),
        ([tool(strict="yes")], "tools[0].function.strict", "invalid_type"),
        ([tool(f"f{i}") for i in range(129)], "tools", "invalid_value"),
        ([tool(f"f{i}", description="x" * 60_000) for i in range(5)], "tools", "invalid_value"),
    ],
)
def test_a_wrong_tool_is_named_by_its_place(chat: Parse, tools: Any, param: str, code: str) -> None:
    """The param leads to the one among many tools, and to its field."""
    error = refused(chat, tools=tools)
    assert (error.param, error.code) == (param, code)


@pytest.mark.parametrize(
    ("choice", "param", "code"),
    [
        (5, "tool_choice", "invalid_type"),
        ("any", "tool_choice", "invalid_value"),
        ({}, "tool_choice.type", "missing_required_parameter"),
        ({"type": "function"}, "tool_choice.function", "missing_required_parameter"),
        (
            {"type": "function", "function": {}},
            "tool_choice.function.name",
            "missing_required_parameter",
        ),
        (named("g"), "tool_choice.function.name", "invalid_value"),
        ({"type": "custom", "custom": {"name": "f"}}, "tool_choice.type", "unsupported_value"),
        ({"type": "allowed_tools", "allowed_tools": {}}, "tool_choice.type", "unsupported_value"),
    ],
)
def test_a_wrong_choice_is_named_by_its_place(
    chat: Parse, choice: Any, param: str, code: str
) -> None:
    """A choice of what is not there is refused before anything is enqueued."""
    error = refused(chat, tools=[tool("f")], tool_choice=choice)
    assert (error.param, error.code) == (param, code)


def test_the_refusal_of_allowed_tools_says_what_to_send(chat: Parse) -> None:
    """A newer choice that is not served has an equivalent that is."""
    error = refused(chat, tools=[tool()], tool_choice={"type": "allowed_tools"})
    assert "send only the allowed 'tools'" in error.message


@pytest.mark.parametrize("choice", ["required", named("f")])
@pytest.mark.parametrize("tools", [None, []])
def test_a_call_cannot_be_required_without_tools(chat: Parse, choice: Any, tools: Any) -> None:
    """The refusal names the choice, which asks for what is not there."""
    assert str(refused(chat, tools=tools, tool_choice=choice).param).startswith("tool_choice")


@pytest.mark.parametrize(
    ("field", "value", "remedy"),
    [
        ("functions", [{"name": "f"}], "'tools'"),
        ("function_call", {"name": "f"}, "'tool_choice'"),
        ("function_call", "f", "'tool_choice'"),
    ],
)
def test_functions_are_refused_with_their_successor(
    chat: Parse, field: str, value: Any, remedy: str
) -> None:
    """OpenAI's deprecated parameters are not ignored: the answer would lack its calls."""
    error = refused(chat, **{field: value})
    assert (error.param, error.code) == (field, "unsupported_value")
    assert remedy in error.message


def test_calls_and_their_results_arrive_in_the_job(chat: Parse) -> None:
    """An assistant's calls stand without content, and a tool's message names its call."""
    job = chat(
        messages=[
            USER,
            {"role": "assistant", "content": None, "tool_calls": [CALL]},
            {"role": "tool", "content": "1", "tool_call_id": "c1"},
        ]
    ).job
    assert job.messages == (
        Message("user", "hello"),
        Message("assistant", "", tool_calls=(ToolCall("c1", "f", '{"a": 1}'),)),
        Message("tool", "1", tool_call_id="c1"),
    )
    assert decode(encode(job)) == job


def test_a_call_may_stand_beside_text(chat: Parse) -> None:
    """Content and calls of one turn are both kept."""
    turn = {"role": "assistant", "content": "I look.", "tool_calls": [CALL]}
    (message,) = chat(messages=[turn]).job.messages
    assert (message.content, len(message.tool_calls)) == ("I look.", 1)


@pytest.mark.parametrize("arguments", ["", "no JSON", '"text"', "{"])
def test_arguments_of_an_earlier_call_may_be_any_text(chat: Parse, arguments: str) -> None:
    """A model writes what it writes; the template is given the text as it is."""
    call = CALL | {"function": {"name": "f", "arguments": arguments}}
    (message,) = chat(messages=[{"role": "assistant", "tool_calls": [call]}]).job.messages
    assert message.tool_calls[0].arguments == arguments


@pytest.mark.parametrize(
    ("turn", "param", "code"),
    [
        (
            {"role": "tool", "content": "x"},
            "messages[1].tool_call_id",
            "missing_required_parameter",
        ),
        (
            {"role": "tool", "content": "x", "tool_call_id": ""},
            "messages[1].tool_call_id",
            "missing_required_parameter",
        ),
        (
            {"role": "tool", "tool_call_id": "c"},
            "messages[1].content",
            "missing_required_parameter",
        ),
        (
            {"role": "tool", "content": "x", "tool_call_id": 5},
            "messages[1].tool_call_id",
            "invalid_type",
        ),
        (
            {"role": "user", "content": "x", "tool_calls": [CALL]},
            "messages[1].tool_calls",
            "invalid_value",
        ),
        (
            {"role": "assistant", "tool_calls": [{"type": "function"}]},
            "messages[1].tool_calls[0].id",
            "missing_required_parameter",
        ),
        (
            {"role": "assistant", "tool_calls": [CALL, CALL | {"type": "custom"}]},
            "messages[1].tool_calls[1].type",
            "unsupported_value",
        ),
        (
            {"role": "assistant", "tool_calls": [{"id": "c1"}]},
            "messages[1].tool_calls[0].function",
            "missing_required_parameter",
        ),
        (
            {"role": "assistant", "tool_calls": [CALL | {"function": {"name": "f"}}]},
            "messages[1].tool_calls[0].function.arguments",
            "missing_required_parameter",
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [CALL | {"function": {"name": "f", "arguments": {"a": 1}}}],
            },
            "messages[1].tool_calls[0].function.arguments",
            "invalid_type",
        ),
        (
            {
                "role": "assistant",
                "tool_calls": [CALL | {"function": {"name": "a b", "arguments": ""}}],
            },
            "messages[1].tool_calls[0].function.name",
            "invalid_value",
        ),
        (
            {"role": "assistant", "tool_calls": [CALL] * 129},
            "messages[1].tool_calls",
            "invalid_value",
        ),
    ],
)
def test_a_wrong_call_is_named_by_its_place(
    chat: Parse, turn: dict[str, Any], param: str, code: str
) -> None:
    """The param leads to the turn, the call and the field at fault."""
    error = refused(chat, messages=[USER, turn])
    assert (error.param, error.code) == (param, code)
