"""A line of an input file as a request."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.batches.lines import BadLine
from app.batches.record import Endpoint, Line, LineError
from app.batches.requests import Request, request_of
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Priority
from tests.app.batches.lines_by_hand import BODIES, CATALOG, CHAT, EMBED, order_for, raw_line


def read(raw: bytes, endpoint: Endpoint = CHAT) -> Request:
    """The request on line 7."""
    line = Line(7, 0, len(raw))
    return request_of(raw, line, order_for(endpoint), CATALOG, job_id="j", created_at=5.0)


def refused(raw: bytes, endpoint: Endpoint = CHAT) -> LineError:
    """What is wrong with line 7."""
    with pytest.raises(BadLine) as caught:
        read(raw, endpoint)
    assert caught.value.error.line == 7
    return caught.value.error


@pytest.mark.parametrize(
    ("endpoint", "kind"),
    [("/v1/chat/completions", ChatJob), ("/v1/completions", CompletionJob), (EMBED, EmbedJob)],
)
def test_a_line_is_a_job_of_its_endpoint(endpoint: Endpoint, kind: type) -> None:
    """With the id, the owner and the time that it is given, and after everybody else's."""
    request = read(raw_line("my id", endpoint), endpoint)
    job = request.job
    assert (request.custom_id, type(job)) == ("my id", kind)
    assert (job.id, job.owner, job.created_at, job.priority) == ("j", "local", 5.0, Priority.BATCH)


def test_a_line_may_have_fields_that_are_not_known() -> None:
    """As any request may."""
    assert read(raw_line(comment="x", body={"some_new_field": 1})).custom_id == "a"


def test_an_alias_stands_for_its_model() -> None:
    """As in any request."""
    assert read(raw_line(body={"model": "loud"})).job.model == "echo"


@pytest.mark.parametrize(
    "raw",
    [
        b"hello",
        b"{",
        b'{"custom_id": "a",}',
        b"[]",
        b"null",
        b"\xff",
        raw_line().replace(b'"model": "echo"', b'"model": NaN'),
        raw_line().replace(b"one two", b"\xff"),
        raw_line(body={"model": []}).replace(b"[]", b"[" * 200 + b"]" * 200),
    ],
)
def test_what_is_no_json_object_is_an_invalid_line(raw: bytes) -> None:
    """Wherever in the line the fault lies."""
    assert refused(raw).code == "invalid_json_line"


@pytest.mark.parametrize("field", ["custom_id", "method", "url", "body"])
def test_a_missing_field_is_named(field: str) -> None:
    """None of the four can be left out."""
    envelope = json.loads(raw_line())
    del envelope[field]
    error = refused(json.dumps(envelope).encode())
    assert (error.code, error.param) == ("missing_required_parameter", field)


@pytest.mark.parametrize("custom_id", ["", "x" * 513, 5, None])
def test_a_custom_id_is_a_string_of_up_to_512_characters(custom_id: Any) -> None:
    """Results are told apart by it."""
    assert read(raw_line("x" * 512)).custom_id == "x" * 512
    assert refused(raw_line(custom_id)).param == "custom_id"


def test_a_line_is_posted() -> None:
    """No other method makes anything."""
    error = refused(raw_line(method="GET"))
    assert (error.code, error.param) == ("invalid_method", "method")


def test_a_line_goes_to_the_endpoint_of_its_batch() -> None:
    """Which the refusal names."""
    error = refused(raw_line("a", CHAT), EMBED)
    assert (error.code, error.param) == ("url_mismatch", "url")
    assert "/v1/embeddings" in error.message


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"messages": [{"role": "nobody", "content": "x"}]}, "body.messages[0].role"),
        ({"temperature": 3}, "body.temperature"),
        ({"messages": "x"}, "body.messages"),
        ({"n": 3}, "body.n"),
    ],
)
def test_a_fault_in_a_body_is_told_at_its_place_in_the_line(
    changes: dict[str, Any], param: str
) -> None:
    """In the message too."""
    error = refused(raw_line(body=changes))
    assert error.param == param
    assert f"'{param}'" in error.message


def test_a_body_is_an_object() -> None:
    """Its refusal is about the field, not about the request that the batch came with."""
    error = refused(raw_line(body="text"))
    assert (error.code, error.param) == ("invalid_type", "body")
    assert error.message.startswith("'body' must be an object")


def test_a_model_that_does_not_exist_is_an_error_of_its_line() -> None:
    """As OpenAI calls it."""
    error = refused(raw_line(body={"model": "absent"}))
    assert (error.code, error.param) == ("model_not_found", "body.model")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("stream", True),
        ("background", True),
        ("webhook_url", "https://example.com"),
        ("timeout_s", 60),
    ],
)
def test_what_belongs_to_a_connection_is_refused(field: str, value: Any) -> None:
    """It would be read and mean nothing."""
    error = refused(raw_line(body={field: value}))
    assert (error.code, error.param) == ("unsupported_value", f"body.{field}")


def test_what_is_switched_off_is_no_fault() -> None:
    """Clients send defaults along."""
    assert read(raw_line(body={"stream": False, "background": None})).job.model == "echo"


def test_a_refusal_knows_the_custom_id_as_far_as_it_was_read() -> None:
    """The line of the error file bears it."""
    with pytest.raises(BadLine) as caught:
        read(raw_line("mine", body={"temperature": 3}))
    assert caught.value.custom_id == "mine"


@given(raw=st.binary())
def test_no_bytes_raise_anything_else(raw: bytes) -> None:
    """Whatever a file holds."""
    with pytest.raises(BadLine):
        read(raw)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=6,
)


@pytest.mark.parametrize("endpoint", BODIES)
@given(data=st.data())
def test_no_value_in_a_line_raises_anything_else(endpoint: Endpoint, data: st.DataObject) -> None:
    """Any field of the line or of its body is anything."""
    field = data.draw(st.sampled_from(["custom_id", "method", "url", *BODIES[endpoint]]))
    value = data.draw(anything)
    changes: dict[str, Any] = (
        {"body": {field: value}} if field in BODIES[endpoint] else {field: value}
    )
    with suppress(BadLine):
        read(raw_line(**({"custom_id": "a", "endpoint": endpoint} | changes)), endpoint)
