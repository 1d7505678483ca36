"""The official client verifies what is signed here."""

from __future__ import annotations

import base64
import time
from typing import Any

import pytest
from openai import InvalidWebhookSignatureError, OpenAI

from app.webhooks.events import BATCH_TYPES, BatchEnd, End, batch_ended, job_ended
from app.webhooks.signing import key_of, signed_headers

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def client() -> OpenAI:
    """A receiver's client."""
    return OpenAI(api_key="none", webhook_secret=SECRET)


def headers_of(body: bytes, event_id: str = "evt_1", age_s: int = 0) -> dict[str, str]:
    """The headers of ``body``."""
    return signed_headers(key_of(SECRET), event_id, body, int(time.time()) - age_s)


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("done", "job.completed"),
        ("failed", "job.failed"),
        ("cancelled", "job.cancelled"),
        ("expired", "job.expired"),
    ],
)
def test_the_official_client_unwraps_each_event(client: OpenAI, end: End, told: str) -> None:
    """Signature and shape: id, object, time, type and the job's id."""
    event = job_ended("job_1", end, 1_700_000_000)
    body = event.body()
    seen = client.webhooks.unwrap(body, headers_of(body, event.id))
    assert seen.to_dict() == {
        "id": "evt_job_1",
        "object": "event",
        "created_at": 1_700_000_000,
        "type": told,
        "data": {"id": "job_1"},
    }


@pytest.mark.parametrize("end", BATCH_TYPES)
def test_the_official_client_knows_the_end_of_a_batch(client: OpenAI, end: BatchEnd) -> None:
    """As the type that it has for it, not as some other event."""
    event = batch_ended("batch_1", end, 1_700_000_000)
    body = event.body()
    seen: Any = client.webhooks.unwrap(body, headers_of(body, event.id))
    assert type(seen).__name__ == f"Batch{end.title()}WebhookEvent"
    assert (seen.id, seen.type, seen.data.id) == ("evt_batch_1", f"batch.{end}", "batch_1")


def test_the_official_client_refuses_a_changed_body(client: OpenAI) -> None:
    """One byte is enough."""
    body = job_ended("job_1", "done", 1).body()
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.verify_signature(body.replace(b"job_1", b"job_2"), headers_of(body))


def test_the_official_client_refuses_another_events_id(client: OpenAI) -> None:
    """The id is signed with the body."""
    headers = headers_of(b"{}") | {"webhook-id": "evt_2"}
    with pytest.raises(InvalidWebhookSignatureError):
        client.webhooks.verify_signature(b"{}", headers)


def test_the_official_client_refuses_what_was_signed_long_ago(client: OpenAI) -> None:
    """So every try must be signed anew."""
    with pytest.raises(InvalidWebhookSignatureError, match="too old"):
        client.webhooks.verify_signature(b"{}", headers_of(b"{}", age_s=301))


def test_the_body_of_an_event_is_the_same_each_time() -> None:
    """Receivers drop repeats by id, and may compare bytes."""
    assert job_ended("j", "done", 5).body() == job_ended("j", "done", 5).body()


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "whsec_",
        "whsec_!!!",
        "whsec_" + base64.b64encode(b"short").decode(),
        base64.b64encode(b"k" * 32).decode(),
    ],
)
def test_a_secret_of_another_shape_is_refused_with_the_remedy(secret: str) -> None:
    """It says how to make one."""
    with pytest.raises(ValueError, match="openssl rand -base64 32"):
        key_of(secret)
