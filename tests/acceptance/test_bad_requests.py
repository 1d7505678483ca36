"""Three hundred bad requests: a clear refusal each, and nothing enqueued."""

from __future__ import annotations

import json
import math
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.stack import Stack

CHAT = {"model": "echo", "messages": [{"role": "user", "content": "hi"}]}
EMBED = {"model": "minilm-l6", "input": "hi"}
COMPLETE = {"model": "echo", "prompt": "hi"}
CHAT_URL, EMBED_URL = "/v1/chat/completions", "/v1/embeddings"
COMPLETE_URL, TOKENIZE_URL, DETOKENIZE_URL = "/v1/completions", "/tokenize", "/detokenize"
TOOL = {"type": "function", "function": {"name": "f"}}
CALLED = {"type": "function", "function": {"name": "g"}}
GBNF = 'root ::= "yes"'
JSON = {"type": "json_object"}


def said(**turn: Any) -> list[Any]:
    """A conversation of one message."""
    return [{"role": "user", "content": "hi"} | turn]


# (url, body, what the error names, status)
LISTED: list[tuple[str, bytes, str | None, int]] = [
    (CHAT_URL, b"", None, 400),
    (CHAT_URL, b"not json", None, 400),
    (CHAT_URL, b"[]", None, 400),
    (CHAT_URL, b"{}", "model", 400),
    (CHAT_URL, b'{"model": "echo"}', "messages", 400),
    (CHAT_URL, b'{"model": "echo", "messages": []}', "messages", 400),
    (CHAT_URL, b"[" * 5_000 + b"]" * 5_000, None, 400),
    (CHAT_URL, b'{"model": "echo", "x": ' + b"[" * 5_000 + b"]" * 5_000 + b"}", "x", 400),
    (CHAT_URL, json.dumps(CHAT | {"temperature": math.nan}).encode(), "temperature", 400),
    (CHAT_URL, json.dumps(CHAT | {"temperature": math.inf}).encode(), "temperature", 400),
    (CHAT_URL, json.dumps(CHAT | {"user": "\ud800"}).encode(), "user", 400),
    (CHAT_URL, b'{"model": "\xff\xfe"}', "model", 400),
    (CHAT_URL, json.dumps(CHAT | {"model": "nobody"}).encode(), "model", 404),
    (CHAT_URL, json.dumps(CHAT | {"model": "minilm-l6"}).encode(), "model", 400),
    (EMBED_URL, json.dumps(EMBED | {"model": "echo"}).encode(), "model", 400),
    (EMBED_URL, b'{"model": "minilm-l6"}', "input", 400),
    (EMBED_URL, json.dumps(EMBED | {"input": []}).encode(), "input", 400),
    (EMBED_URL, json.dumps(EMBED | {"input": ""}).encode(), "input", 400),
    (EMBED_URL, json.dumps(EMBED | {"input": ["a", ""]}).encode(), "input[1]", 400),
    (EMBED_URL, json.dumps(EMBED | {"input": ["a", 1]}).encode(), "input[1]", 400),
    (EMBED_URL, json.dumps(EMBED | {"input": ["a"] * 2_049}).encode(), "input", 400),
    (EMBED_URL, json.dumps(EMBED | {"input": [-1]}).encode(), "input[0]", 400),
    (EMBED_URL, json.dumps(EMBED | {"encoding_format": "hex"}).encode(), "encoding_format", 400),
    (EMBED_URL, json.dumps(EMBED | {"dimensions": 0}).encode(), "dimensions", 400),
    (COMPLETE_URL, b'{"model": "echo"}', "prompt", 400),
    (COMPLETE_URL, json.dumps(COMPLETE | {"model": "nobody"}).encode(), "model", 404),
    (COMPLETE_URL, json.dumps(COMPLETE | {"model": "minilm-l6"}).encode(), "model", 400),
    (COMPLETE_URL, json.dumps(COMPLETE | {"prompt": [1] * 8_193}).encode(), "prompt", 400),
    (COMPLETE_URL, json.dumps(COMPLETE | {"grammar": GBNF, "stop": "a"}).encode(), "stop", 400),
    (TOKENIZE_URL, b"{}", "model", 400),
    (TOKENIZE_URL, b'{"content": "a"}', "model", 400),
    (TOKENIZE_URL, b'{"model": "echo"}', "content", 400),
    (TOKENIZE_URL, b'{"model": "nobody", "content": "a"}', "model", 404),
    (TOKENIZE_URL, b'{"model": "echo", "content": 5}', "content", 400),
    (
        TOKENIZE_URL,
        json.dumps({"model": "echo", "content": "a" * 262_145}).encode(),
        "content",
        400,
    ),
    (DETOKENIZE_URL, b'{"model": "echo"}', "tokens", 400),
    (DETOKENIZE_URL, b'{"model": "echo", "tokens": [-1]}', "tokens[0]", 400),
    (DETOKENIZE_URL, b'{"model": "echo", "tokens": [1, 67108864]}', "tokens[1]", 400),
    (DETOKENIZE_URL, b'{"model": "minilm-l6", "tokens": [1]}', "model", 400),
]

# (fields of a chat that do not go together, the one that the error names)
TOGETHER: list[tuple[dict[str, Any], str]] = [
    ({"response_format": JSON, "grammar": GBNF}, "grammar"),
    ({"response_format": JSON, "json_schema": {}}, "json_schema"),
    ({"json_schema": {}, "grammar": GBNF}, "grammar"),
    ({"response_format": JSON, "tools": [TOOL]}, "response_format"),
    ({"grammar": GBNF, "tools": [TOOL], "tool_choice": "required"}, "grammar"),
    ({"response_format": JSON, "stop": "}"}, "stop"),
    ({"response_format": JSON, "ignore_eos": True}, "ignore_eos"),
    ({"tools": [TOOL], "tool_choice": "required", "ignore_eos": True}, "ignore_eos"),
    ({"tool_choice": "required"}, "tool_choice"),
    ({"tools": [TOOL], "tool_choice": CALLED}, "tool_choice.function.name"),
    ({"top_logprobs": 5}, "top_logprobs"),
    ({"stream_options": {}}, "stream_options"),
]

WRONG_FIELDS: dict[str, list[Any]] = {
    "temperature": [-0.1, 2.1, "1", True, []],
    "top_p": [-0.1, 1.1, "1", {}],
    "n": [0, -1, 33, 1.5, "2", True],
    "max_tokens": [0, -1, 1.5, "5", True, 2**70],
    "max_completion_tokens": [0, "5", []],
    "stop": [["a", "b", "c", "d", "e"], [""], "", 5, [5]],
    "seed": [1.5, "1", 2**70],
    "presence_penalty": [-2.1, 2.1, "0"],
    "frequency_penalty": [-2.1, 2.1, "0"],
    "logit_bias": [{"a": 1}, {"1": 101}, {"1": "x"}, [1]],
    "logprobs": ["true", 1],
    "top_logprobs": [0, 21, -1, "1"],
    "response_format": [
        "text",
        {},
        {"type": "xml"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"name": "x"}},
        {"type": "json_schema", "json_schema": {"name": "a b", "schema": {}}},
        {"type": "json_schema", "json_schema": {"name": "x", "schema": []}},
        {"type": "json_object", "schema": 5},
    ],
    "stream": ["true", 1],
    "stream_options": [{"include_usage": True}],
    "messages": [
        "hi",
        [5],
        said(role="robot"),
        [{"role": "user"}],
        said(role="tool"),
        said(role="tool", tool_call_id=5),
        said(tool_calls=[{"id": "c", "function": {"name": "f", "arguments": ""}}]),
        said(role="assistant", tool_calls=[{"id": "c"}]),
        said(role="assistant", tool_calls=[{"function": {"name": "f", "arguments": ""}}]),
        said(
            role="assistant", tool_calls=[{"id": "c", "function": {"name": "f", "arguments": {}}}]
        ),
        said(role="assistant", function_call={"name": "f", "arguments": ""}),
    ],
    "metadata": [{"a": 1}, {str(i): "x" for i in range(17)}, "x"],
    "tools": [
        "x",
        [5],
        [{"type": "custom"}],
        [{"type": "function"}],
        [{"type": "function", "function": {"name": "a b"}}],
        [{"type": "function", "function": {"name": "f", "parameters": []}}],
        [{"type": "function", "function": {"name": "f", "parameters": {"type": "string"}}}],
        [TOOL, TOOL],
        [TOOL] * 129,
    ],
    "tool_choice": [5, "any", {}, CALLED, {"type": "allowed_tools"}, {"type": "custom"}],
    "parallel_tool_calls": ["yes", 1],
    "functions": ["x", [{"name": "f"}]],
    "function_call": ["f", {"name": "f"}],
    "grammar": [5, ["a"], "a" * 65_537],
    "json_schema": [5, "{}", [], {"a": "x" * 65_536}],
    "timings": [1, "yes"],
    "timings_per_token": [1, "yes"],
    "timeout_s": [0, -1, 86_401, "5", True],
    "cache_prompt": ["yes"],
    "top_k": [-1, 1.5],
    "min_p": [-0.1, 1.1],
    "repeat_penalty": [0, 2.1],
    "ignore_eos": ["yes"],
}

WRONG_IN_COMPLETIONS: dict[str, list[Any]] = {
    "prompt": ["", [], {}, 5, None, ["a", 1], ["a", ""], [[1], []], [1.5], [-1], ["a"] * 129],
    "max_tokens": [0, -1, 1.5, "5"],
    "n": [0, 33, "2"],
    "best_of": [0, 2, "1"],
    "echo": ["yes", 1],
    "suffix": ["the end", 5],
    "logprobs": [-1, 6, True, "1"],
    "response_format": [JSON, "text"],
    "temperature": [-0.1, 2.1, "1"],
    "stop": [["a", "b", "c", "d", "e"], "", 5],
    "logit_bias": [{"a": 1}, {"1": 101}],
    "stream": ["true"],
    "stream_options": [{"include_usage": True}],
    "grammar": [5],
    "json_schema": [[]],
    "timeout_s": [0],
    "metadata": ["x"],
}


def accepted(stack: Stack) -> int:
    """How many jobs the ledger holds."""
    return sum(1 for _ in stack.ledger.redis.scan_iter(stack.ledger.keys.job("*"), count=1_000))


def refusal(stack: Stack, url: str, body: bytes) -> tuple[int, dict[str, Any]]:
    """Status and error object."""
    response = httpx.post(stack.url + url, content=body, timeout=30)
    assert response.headers["content-type"] == "application/json"
    assert response.headers["x-request-id"]
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["message"]
    assert error["code"] is None or isinstance(error["code"], str)
    return response.status_code, error


@pytest.mark.parametrize(("url", "body", "param", "status"), LISTED)
def test_a_listed_bad_request_names_its_field(
    stack: Stack, url: str, body: bytes, param: str | None, status: int
) -> None:
    """Status and ``param`` are as listed, and nothing is enqueued."""
    before = accepted(stack)
    got, error = refusal(stack, url, body)
    assert (got, error["param"]) == (status, param)
    assert accepted(stack) == before


@pytest.mark.parametrize("field", WRONG_FIELDS)
def test_a_wrong_field_is_named(stack: Stack, field: str) -> None:
    """Every wrong type and every value out of range is a 400 that begins with the field's name."""
    before = accepted(stack)
    for value in WRONG_FIELDS[field]:
        status, error = refusal(stack, CHAT_URL, json.dumps(CHAT | {field: value}).encode())
        assert status == 400
        assert str(error["param"]).startswith(field), (value, error)
    assert accepted(stack) == before


@pytest.mark.parametrize("field", WRONG_IN_COMPLETIONS)
def test_a_wrong_field_of_a_completion_is_named(stack: Stack, field: str) -> None:
    """As for chats."""
    before = accepted(stack)
    for value in WRONG_IN_COMPLETIONS[field]:
        status, error = refusal(stack, COMPLETE_URL, json.dumps(COMPLETE | {field: value}).encode())
        assert status == 400
        assert str(error["param"]).startswith(field), (value, error)
    assert accepted(stack) == before


@pytest.mark.parametrize(("fields", "param"), TOGETHER)
def test_what_does_not_go_together_is_named(
    stack: Stack, fields: dict[str, Any], param: str
) -> None:
    """Of two fields that exclude each other one is named, and nothing is enqueued."""
    before = accepted(stack)
    status, error = refusal(stack, CHAT_URL, json.dumps(CHAT | fields).encode())
    assert (status, error["param"]) == (400, param)
    assert accepted(stack) == before


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
BROKEN = st.one_of(
    st.binary(max_size=200),
    ANYTHING.map(lambda value: json.dumps(value).encode()),
    st.tuples(st.sampled_from(sorted(WRONG_FIELDS)), ANYTHING).map(
        lambda pair: json.dumps(CHAT | {"messages": None} | dict([pair])).encode()
    ),
)


@settings(max_examples=220, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    url=st.sampled_from([CHAT_URL, COMPLETE_URL, EMBED_URL, TOKENIZE_URL, DETOKENIZE_URL]),
    body=BROKEN,
)
def test_generated_garbage_is_refused(stack: Stack, url: str, body: bytes) -> None:
    """Whatever is sent, the answer is a 4xx in OpenAI's shape."""
    status, _ = refusal(stack, url, body)
    assert 400 <= status < 500


def test_generated_garbage_enqueued_nothing(stack: Stack) -> None:
    """No queue ever saw one of them: every job in the ledger has a known end."""
    assert all(queue.depth == 0 for queue in stack.records.queues())


def test_a_body_over_the_limit_is_a_413(stack: Stack) -> None:
    """With its length announced or in chunks, and the client can read the answer."""
    big = json.dumps(CHAT | {"user": "x" * (17 * 1024 * 1024)}).encode()
    status, error = refusal(stack, CHAT_URL, big)
    assert (status, error["code"]) == (413, "request_too_large")
    pieces = (big[at : at + 65_536] for at in range(0, len(big), 65_536))
    response = httpx.post(stack.url + CHAT_URL, content=pieces, timeout=30)
    assert response.status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/nope", 404), ("GET", CHAT_URL, 405), ("DELETE", "/v1/models", 405)],
)
def test_an_unknown_route_is_answered_in_openais_shape(
    stack: Stack, method: str, path: str, status: int
) -> None:
    """404 and 405 have an error object too."""
    response = httpx.request(method, stack.url + path)
    assert response.status_code == status
    assert response.json()["error"]["type"] == "invalid_request_error"


def test_a_bias_beyond_the_vocabulary_is_refused_before_the_queue(stack: Stack) -> None:
    """Only the model's worker knows its vocabulary: it is asked before anything is enqueued."""
    before = accepted(stack)
    body = CHAT | {"model": "smollm2-135m", "logit_bias": {"49152": 1}, "stream": True}
    status, error = refusal(stack, CHAT_URL, json.dumps(body).encode())
    assert (status, error["param"]) == (400, "logit_bias")
    assert accepted(stack) == before


@pytest.mark.parametrize(
    ("url", "fields", "param"),
    [
        (CHAT_URL, {"grammar": "root ::= ("}, "grammar"),
        (CHAT_URL, {"grammar": "root ::= missing"}, "grammar"),
        (COMPLETE_URL, {"grammar": "root ::= ("}, "grammar"),
        (COMPLETE_URL, {"prompt": [49152]}, "prompt"),
    ],
)
def test_what_only_the_model_can_refuse_is_refused_before_the_queue(
    stack: Stack, url: str, fields: dict[str, Any], param: str
) -> None:
    """A grammar that cannot be compiled and an id beyond the vocabulary are never enqueued."""
    before = accepted(stack)
    base = CHAT if url == CHAT_URL else COMPLETE
    body = base | {"model": "smollm2-135m", "stream": True} | fields
    status, error = refusal(stack, url, json.dumps(body).encode())
    assert status == 400
    assert str(error["param"]).startswith(param)
    assert accepted(stack) == before
