"""What an answer must look like: every name for it, and what does not go with it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from app.openai.chat import ChatRequest
from app.openai.completions import CompletionRequest
from app.openai.errors import BadRequest
from tasks.jobs import Form, decode, encode

Parse = Callable[..., ChatRequest]
Complete = Callable[..., CompletionRequest]

SCHEMA = {"type": "object", "properties": {"z": {"type": "string"}, "a": {"enum": ["é", 1]}}}
TEXT = '{"type":"object","properties":{"z":{"type":"string"},"a":{"enum":["é",1]}}}'
JSON_SCHEMA = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA}}
TOOLS = [{"type": "function", "function": {"name": "f"}}]
GBNF = 'root ::= "yes" | "no"'


def refused(parse: Callable[..., object], **fields: Any) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        parse(**fields)
    return caught.value


@pytest.mark.parametrize(
    ("fields", "form"),
    [
        ({"response_format": {"type": "text"}}, None),
        ({"response_format": {"type": "json_object"}}, Form("json")),
        ({"response_format": {"type": "json_object", "schema": SCHEMA}}, Form("schema", TEXT)),
        ({"response_format": JSON_SCHEMA}, Form("schema", TEXT)),
        ({"json_schema": SCHEMA}, Form("schema", TEXT)),
        ({"json_schema": {}}, Form("schema", "{}")),
        ({"grammar": GBNF}, Form("gbnf", GBNF)),
        ({"grammar": GBNF, "response_format": {"type": "text"}}, Form("gbnf", GBNF)),
        ({"grammar": GBNF, "tools": TOOLS, "tool_choice": "none"}, Form("gbnf", GBNF)),
        ({"grammar": GBNF, "tools": []}, Form("gbnf", GBNF)),
    ],
)
def test_every_name_of_a_form_arrives_in_the_job(
    chat: Parse, fields: dict[str, Any], form: Form | None
) -> None:
    """OpenAI's names and llama-server's give the same forms; a schema's keys keep their order."""
    job = chat(**fields).job
    assert job.form == form
    assert decode(encode(job)) == job


def test_a_schemas_description_and_strictness_change_nothing(chat: Parse) -> None:
    """Every schema is kept strictly."""
    named = JSON_SCHEMA["json_schema"] | {"strict": False, "description": "d"}  # type: ignore[operator]
    assert chat(response_format={"type": "json_schema", "json_schema": named}).job.form == (
        Form("schema", TEXT)
    )


@pytest.mark.parametrize("fields", [{"grammar": GBNF}, {"json_schema": SCHEMA}])
def test_completions_take_llama_servers_names(complete: Complete, fields: dict[str, Any]) -> None:
    """A continuation can be held to a grammar or to a schema."""
    form = complete(**fields).job.form
    assert form in (Form("gbnf", GBNF), Form("schema", TEXT))


@pytest.mark.parametrize(
    ("form", "param", "code"),
    [
        ("json", "response_format", "invalid_type"),
        ({}, "response_format.type", "missing_required_parameter"),
        ({"type": "xml"}, "response_format.type", "invalid_value"),
        ({"type": "grammar", "grammar": GBNF}, "response_format.type", "invalid_value"),
        (
            {"type": "json_schema"},
            "response_format.json_schema",
            "missing_required_parameter",
        ),
        (
            {"type": "json_schema", "json_schema": {"schema": {}}},
            "response_format.json_schema.name",
            "missing_required_parameter",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "x"}},
            "response_format.json_schema.schema",
            "missing_required_parameter",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}},
            "response_format.json_schema.name",
            "invalid_value",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "x" * 65, "schema": {}}},
            "response_format.json_schema.name",
            "invalid_value",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": []}},
            "response_format.json_schema.schema",
            "invalid_type",
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "x", "schema": {}, "strict": 1}},
            "response_format.json_schema.strict",
            "invalid_type",
        ),
        ({"type": "json_object", "schema": 5}, "response_format.schema", "invalid_type"),
    ],
)
def test_a_wrong_response_format_is_named_by_its_place(
    chat: Parse, form: Any, param: str, code: str
) -> None:
    """The param leads to the field within the format that is at fault."""
    error = refused(chat, response_format=form)
    assert (error.param, error.code) == (param, code)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"json_schema": {"a": "x" * 65_536}}, "json_schema"),
        ({"grammar": "é" * 32_769}, "grammar"),
        (
            {"response_format": {"type": "json_object", "schema": {"a": "x" * 65_536}}},
            "response_format.schema",
        ),
    ],
)
def test_a_source_beyond_64_kib_is_refused(chat: Parse, fields: dict[str, Any], param: str) -> None:
    """Bytes count, not characters; the white space of a schema does not."""
    error = refused(chat, **fields)
    assert error.param == param
    assert "at most 65536" in error.message


def test_a_schemas_white_space_does_not_count(chat: Parse) -> None:
    """A schema that is small without its indentation is taken."""
    body = {"model": "talk", "messages": [{"role": "user", "content": "x"}], "json_schema": {}}
    spaced = json.dumps(body).replace("{}", "{" + " " * 100_000 + "}")
    assert chat(spaced.encode()).job.form == Form("schema", "{}")


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"response_format": {"type": "json_object"}, "grammar": GBNF}, "grammar"),
        ({"response_format": {"type": "json_object"}, "json_schema": SCHEMA}, "json_schema"),
        ({"json_schema": SCHEMA, "grammar": GBNF}, "grammar"),
        ({"grammar": GBNF, "tools": TOOLS}, "grammar"),
        ({"grammar": GBNF, "tools": TOOLS, "tool_choice": "auto"}, "grammar"),
        ({"json_schema": {}, "tools": TOOLS, "tool_choice": "required"}, "json_schema"),
        (
            {
                "response_format": {"type": "json_object"},
                "tools": TOOLS,
                "tool_choice": {"type": "function", "function": {"name": "f"}},
            },
            "response_format",
        ),
        ({"response_format": {"type": "json_object"}, "stop": "}"}, "stop"),
        ({"grammar": GBNF, "stop": ["a", "b"]}, "stop"),
        ({"grammar": GBNF, "ignore_eos": True}, "ignore_eos"),
        ({"tools": TOOLS, "tool_choice": "required", "ignore_eos": True}, "ignore_eos"),
    ],
)
def test_what_does_not_go_together_is_refused(
    chat: Parse, fields: dict[str, Any], param: str
) -> None:
    """Two forms for one answer, or what would break a form, name one field and the other's name."""
    error = refused(chat, **fields)
    assert (error.param, error.code) == (param, "invalid_value")
    assert error.message.count("'") >= 4


@pytest.mark.parametrize(
    "fields",
    [
        {"n": 3},
        {"logprobs": True},
        {"stop": []},
        {"ignore_eos": False},
        {"max_tokens": 5},
        {"logit_bias": {"5": 1}},
    ],
)
def test_what_leaves_a_form_whole_is_taken(chat: Parse, fields: dict[str, Any]) -> None:
    """Several choices, log probabilities and a limit go with a form."""
    assert chat(response_format={"type": "json_object"}, **fields).job.form == Form("json")


def test_a_stop_string_goes_with_tools(chat: Parse) -> None:
    """Agents send both; a stop string ends the text that a model writes beside its calls."""
    assert chat(tools=TOOLS, stop="Observation:").job.stop == ("Observation:",)
