"""What is asked about batches."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.openai.batches import BatchAsked, BatchQuery, parse_batch, parse_batch_query
from app.openai.errors import BadRequest

LEAST = {
    "input_file_id": "file-1",
    "endpoint": "/v1/embeddings",
    "completion_window": "24h",
}


def read(**changes: Any) -> BatchAsked:
    """The batch of a least body with these changes."""
    return parse_batch(json.dumps(LEAST | changes).encode())


def refused(**changes: Any) -> BadRequest:
    """What is wrong with it."""
    with pytest.raises(BadRequest) as caught:
        read(**changes)
    return caught.value


def test_the_least_batch_has_three_fields() -> None:
    """All else has a default, which a null stands for too."""
    expected = BatchAsked(
        input_file_id="file-1",
        endpoint="/v1/embeddings",
        completion_window="24h",
        window_s=86_400,
        metadata={},
        output_ttl_s=None,
        webhook_url=None,
    )
    assert read() == expected
    assert read(metadata=None, output_expires_after=None, webhook_url=None) == expected


@pytest.mark.parametrize("field", LEAST)
def test_a_field_that_is_missing_is_named(field: str) -> None:
    """None of the three has a default."""
    with pytest.raises(BadRequest) as caught:
        parse_batch(json.dumps({key: LEAST[key] for key in LEAST if key != field}).encode())
    assert (caught.value.param, caught.value.code) == (field, "missing_required_parameter")


@pytest.mark.parametrize("endpoint", ["/v1/chat/completions", "/v1/completions", "/v1/embeddings"])
def test_three_endpoints_have_batches(endpoint: str) -> None:
    """Those that answer with one body."""
    assert read(endpoint=endpoint).endpoint == endpoint


@pytest.mark.parametrize("endpoint", ["/v1/responses", "/v1/embeddings/", "", "embeddings"])
def test_another_endpoint_is_told_those_that_there_are(endpoint: str) -> None:
    """OpenAI has more."""
    error = refused(endpoint=endpoint)
    assert error.param == "endpoint"
    assert "/v1/chat/completions, /v1/completions, /v1/embeddings" in error.message


@pytest.mark.parametrize(
    ("window", "seconds"),
    [("24h", 86_400), ("1s", 1), ("90m", 5_400), ("30d", 2_592_000), ("2592000s", 2_592_000)],
)
def test_a_window_is_a_number_with_a_unit(window: str, seconds: int) -> None:
    """OpenAI knows the first of these."""
    assert read(completion_window=window).window_s == seconds


@pytest.mark.parametrize(
    "window", ["", "0s", "31d", "2592001s", "24", "h", "1w", "1.5h", "-1h", "٣h", "024h", "24h "]
)
def test_a_window_beyond_a_second_and_thirty_days_is_refused(window: str) -> None:
    """With what would be right."""
    error = refused(completion_window=window)
    assert error.param == "completion_window"
    assert "from 1s to 30d" in error.message


def test_metadata_is_kept() -> None:
    """As it is."""
    assert read(metadata={"a": "b"}).metadata == {"a": "b"}


@pytest.mark.parametrize(
    "metadata",
    [{str(key): "" for key in range(17)}, {"k" * 65: ""}, {"k": "v" * 513}, {"k": 1}],
)
def test_metadata_has_openais_limits(metadata: Any) -> None:
    """Sixteen pairs of 64 and 512 characters."""
    assert refused(metadata=metadata).param == "metadata"


@pytest.mark.parametrize("seconds", [3_600, 2_592_000])
def test_the_outputs_may_be_kept_for_an_hour_to_thirty_days(seconds: int) -> None:
    """Both ends included."""
    asked = read(output_expires_after={"anchor": "created_at", "seconds": seconds})
    assert asked.output_ttl_s == seconds


@pytest.mark.parametrize(
    ("expiry", "param"),
    [
        ({"anchor": "created_at", "seconds": 3_599}, "output_expires_after.seconds"),
        ({"anchor": "created_at", "seconds": 2_592_001}, "output_expires_after.seconds"),
        ({"anchor": "last_used_at", "seconds": 3_600}, "output_expires_after.anchor"),
        ({"seconds": 3_600}, "output_expires_after.anchor"),
    ],
)
def test_a_wrong_expiry_names_the_field(expiry: Any, param: str) -> None:
    """Each of the two is required."""
    assert refused(output_expires_after=expiry).param == param


def test_a_page_is_of_twenty_unless_asked_otherwise() -> None:
    """From 1 to 100."""
    assert parse_batch_query({}) == BatchQuery(20, None)
    assert parse_batch_query({"limit": "100", "after": "batch_1"}) == BatchQuery(100, "batch_1")


@pytest.mark.parametrize("limit", ["0", "101", "ten", "", "-1", "9" * 5_000])
def test_another_limit_is_refused(limit: str) -> None:
    """It names the parameter, and does not repeat all of a long one."""
    with pytest.raises(BadRequest) as caught:
        parse_batch_query({"limit": limit})
    assert caught.value.param == "limit"
    assert len(caught.value.message) < 200
