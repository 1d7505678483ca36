"""What the fields of a request for a response mean, and which are refused."""

from __future__ import annotations

from typing import Any

import pytest

from app.openai.errors import BadRequest, Unsupported
from app.openai.responses.parse import parse_response
from tasks.catalog import Catalog
from tasks.jobs import Form, ResponseAsked, Sampling, Tool, decode, encode
from tests.app.openai.responses.conftest import Respond

SCHEMA = {"type": "object", "properties": {"b": {}, "a": {}}}
FORM = {"type": "json_schema", "name": "thing", "schema": SCHEMA, "strict": True}
TOOL = {"type": "function", "name": "f", "description": "d", "parameters": SCHEMA, "strict": True}


def test_a_response_is_a_chat_that_says_how_it_is_answered(respond: Respond) -> None:
    """With the defaults of a chat; it crosses the queue as it is."""
    job = respond()
    assert (job.response, job.sampling, job.max_tokens) == (ResponseAsked(), Sampling(), None)
    assert decode(encode(job)) == job


def test_the_parameters_reach_the_job(respond: Respond) -> None:
    """OpenAI's, and those that llama.cpp's and vLLM's users send."""
    job = respond(
        max_output_tokens=7,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        seed=1,
        stop="x",
        metadata={"k": "v"},
        timeout_s=2,
        cache_prompt=False,
    )
    assert job.sampling == Sampling(temperature=0.5, top_p=0.9, top_k=3, seed=1)
    assert (job.max_tokens, job.stop, job.metadata) == (7, ("x",), {"k": "v"})
    assert (job.deadline_at, job.cache_prompt) == (14.5, False)


@pytest.mark.parametrize(
    ("format", "form"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, Form("json")),
        (FORM, Form("schema", '{"type":"object","properties":{"b":{},"a":{}}}')),
    ],
)
def test_a_format_is_the_jobs_form(respond: Respond, format: Any, form: Form | None) -> None:
    """A schema's keys keep their order."""
    assert respond(text={"format": format, "verbosity": "low"}).form == form


def test_the_name_of_a_schema_is_kept(respond: Respond) -> None:
    """The response says it again."""
    response = respond(text={"format": FORM | {"description": "d"}}).response
    assert response == ResponseAsked(form_name="thing", form_description="d")


@pytest.mark.parametrize(
    ("choice", "becomes"),
    [
        (None, ("auto", None)),
        ("none", ("none", None)),
        ("required", ("required", None)),
        ({"type": "function", "name": "f"}, ("required", "f")),
    ],
)
def test_tools_are_flat(respond: Respond, choice: Any, becomes: tuple[str, str | None]) -> None:
    """A function's fields stand beside its type, also in a choice."""
    job = respond(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False)
    assert job.tools == (Tool("f", "d", '{"type":"object","properties":{"b":{},"a":{}}}'),)
    assert (job.tool_choice, job.tool_name) == becomes
    assert not job.parallel_tool_calls


@pytest.mark.parametrize(
    ("fields", "shown"),
    [
        ({}, None),
        ({"include": ["message.output_text.logprobs"]}, 0),
        ({"top_logprobs": 3}, 3),
        ({"include": ["reasoning.encrypted_content"]}, None),
    ],
)
def test_logprobs_come_when_they_are_asked_for(
    respond: Respond, fields: dict[str, Any], shown: int | None
) -> None:
    """By ``include``, or by saying how many."""
    assert respond(**fields).top_logprobs == shown


@pytest.mark.parametrize(
    "fields",
    [
        {"store": True},
        {"store": False},
        {"reasoning": {"effort": "high", "summary": "auto"}},
        {"service_tier": "flex", "safety_identifier": "x", "prompt_cache_key": "y"},
        {"truncation": "disabled", "max_tool_calls": 3, "user": "u"},
        {"previous_response_id": None, "conversation": None, "prompt": None, "include": None},
        {"tools": [], "tool_choice": "auto", "text": {}, "context_management": []},
        {"stream": True, "stream_options": {"include_obfuscation": False}},
    ],
)
def test_what_has_no_effect_is_accepted(respond: Respond, fields: dict[str, Any]) -> None:
    """The job is the same without it, but for the stream."""
    assert respond(**fields) == respond()


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"conversation": {"id": "conv_1"}}, "conversation"),
        ({"prompt": {"id": "p"}}, "prompt"),
        ({"truncation": "auto"}, "truncation"),
        ({"context_management": [{"type": "compaction"}]}, "context_management"),
        ({"moderation": {"model": "m"}}, "moderation"),
        ({"n": 2}, "n"),
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [TOOL], "tool_choice": {"type": "web_search"}}, "tool_choice.type"),
        (
            {"tools": [TOOL], "tool_choice": {"type": "allowed_tools", "tools": []}},
            "tool_choice.type",
        ),
    ],
)
def test_what_is_not_served_is_refused_with_a_remedy(
    respond: Respond, fields: dict[str, Any], param: str
) -> None:
    """OpenAI would serve it: the code says that we do not."""
    with pytest.raises(Unsupported) as refused:
        respond(**fields)
    assert refused.value.param == param
    assert refused.value.code == "unsupported_value"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"input": None}, "input"),
        ({"input": 5}, "input"),
        ({"model": "vec"}, "model"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"temperature": 3}, "temperature"),
        ({"top_logprobs": 21}, "top_logprobs"),
        ({"truncation": "middle"}, "truncation"),
        ({"include": ["all"]}, "include[0]"),
        ({"stream_options": {}}, "stream_options"),
        ({"text": {"format": {"type": "xml"}}}, "text.format.type"),
        ({"text": {"format": FORM | {"name": None}}}, "text.format.name"),
        ({"text": {"format": FORM | {"name": "a b"}}}, "text.format.name"),
        ({"text": {"format": FORM | {"schema": None}}}, "text.format.schema"),
        ({"text": {"format": FORM}, "grammar": 'root ::= "a"'}, "grammar"),
        ({"text": {"format": FORM}, "tools": [TOOL]}, "text.format"),
        ({"text": {"format": FORM}, "stop": "x"}, "stop"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [TOOL | {"name": "a b"}]}, "tools[0].name"),
        ({"tools": [TOOL | {"parameters": {"type": "array"}}]}, "tools[0].parameters"),
        ({"tools": [TOOL, TOOL]}, "tools[1].name"),
        ({"tools": [TOOL], "tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"tools": [TOOL], "tool_choice": {"type": "function", "name": "g"}}, "tool_choice.name"),
        ({"tools": [TOOL], "tool_choice": "any"}, "tool_choice"),
        ({"tool_choice": "required"}, "tool_choice"),
    ],
)
def test_what_is_wrong_is_named(respond: Respond, fields: dict[str, Any], param: str) -> None:
    """By the names that the fields have in this endpoint."""
    with pytest.raises(BadRequest) as refused:
        respond(**fields)
    assert refused.value.param == param


@pytest.mark.parametrize(
    ("body", "later"),
    [
        (b'{"model":"talk","input":"x","background":true}', False),
        (b'{"model":"talk","input":"x"}', True),
    ],
)
def test_a_response_for_the_background_says_so(models: Catalog, body: bytes, later: bool) -> None:
    """Whether the body asked for it or a header."""
    asked = parse_response(
        body, catalog=models, job_id="j", owner="ann", created_at=1.0, later=later
    )
    assert asked.background
    assert asked.job.response == ResponseAsked(background=True)
