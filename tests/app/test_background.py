"""Requests whose jobs outlive them: answered later, resumable, or told by a webhook."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.jobs import Priority
from tasks.settings import QueueSettings
from tests.app.asking import accepted_ids, ask, ended, leave_early

HOOK = "https://example.com/hook"


@pytest.mark.parametrize("asked_by", ["body", "header"])
def test_background_work_is_accepted_and_not_waited_for(
    http: FlaskClient, gateway: Gateway, asked_by: str
) -> None:
    """202 with the queued job and where to find it, although no worker is there."""
    headers = {"Prefer": "respond-async"} if asked_by == "header" else {}
    body: dict[str, Any] = {"background": True} if asked_by == "body" else {}
    ask(http, model="absent", background=True)
    response = ask(http, model="absent", metadata={"k": "v"}, headers=headers, **body)
    job, job_id = response.json, response.headers["x-request-id"]
    assert response.status_code == 202
    assert (job["id"], job["object"], job["state"], job["position"]) == (job_id, "job", "queued", 2)
    assert (job["model"], job["metadata"]) == ("absent", {"k": "v"})
    assert job["urls"] == {"self": f"/v1/jobs/{job_id}", "events": f"/v1/jobs/{job_id}/events"}
    assert response.headers["Location"] == f"/v1/jobs/{job_id}"
    applied = response.headers.get("Preference-Applied")
    assert applied == ("respond-async" if asked_by == "header" else None)
    record = gateway.records.find(job_id, "local")
    assert (record.priority, record.listen_s) == (Priority.BACKGROUND, 0)


@pytest.mark.parametrize(
    ("url", "fields"),
    [
        ("/v1/completions", {"model": "absent", "prompt": "x"}),
        ("/v1/embeddings", {"model": "echo-embed", "input": "x"}),
    ],
)
def test_every_endpoint_takes_background_work(
    http: FlaskClient, gateway: Gateway, url: str, fields: dict[str, Any]
) -> None:
    """Completions and embeddings as chats."""
    response = http.post(url, json=fields | {"background": True})
    assert response.status_code == 202
    record = gateway.records.find(response.headers["x-request-id"], "local")
    assert (record.state, record.priority) == ("queued", Priority.BACKGROUND)


@pytest.mark.usefixtures("workers")
def test_the_answer_is_there_later_as_it_would_have_been(
    http: FlaskClient, gateway: Gateway
) -> None:
    """With the timings that the request asked for, from whichever process is asked."""
    response = ask(http, background=True, timings=True)
    assert ended(gateway, response.json["id"]).state == "done"
    job: Any = http.get(response.headers["Location"]).json
    assert job["result"]["choices"][0]["message"]["content"] == "one two three"
    assert job["result"]["timings"]["predicted_n"] == job["usage"]["completion_tokens"]


@pytest.mark.usefixtures("workers")
def test_a_background_stream_is_a_stream(http: FlaskClient) -> None:
    """200 and events as ever: nothing is answered later."""
    response = ask(http, stream=True, background=True, headers={"Prefer": "respond-async"})
    assert response.status_code == 200
    assert response.text.endswith("data: [DONE]\n\n")
    assert "Preference-Applied" not in response.headers


def test_a_background_stream_outlives_its_client(http: FlaskClient, gateway: Gateway) -> None:
    """It needs no listener, and is as urgent as any stream."""
    response = ask(http, model="absent", stream=True, background=True, buffered=False)
    leave_early(response)
    record = gateway.records.find(response.headers["x-request-id"], "local")
    assert (record.state, record.listen_s) == ("queued", 0)
    assert record.priority == Priority.INTERACTIVE


@pytest.mark.parametrize(
    ("headers", "least_s", "most_s"),
    [
        ({"Millrace-Resume": "600"}, 595, 601),
        ({"Idempotency-Key": "k"}, 55, 61),
        ({"Idempotency-Key": "k", "Millrace-Resume": "7"}, 2, 8),
    ],
)
def test_a_resumable_job_waits_for_its_client_as_long_as_asked(
    http: FlaskClient, gateway: Gateway, headers: dict[str, str], least_s: float, most_s: float
) -> None:
    """From when it leaves; afterwards the reconciler finds its lease over."""
    response = ask(http, model="absent", stream=True, headers=headers, buffered=False)
    leave_early(response)
    job_id = response.headers["x-request-id"]
    assert gateway.ledger.state(job_id) == "queued"
    until_ms = gateway.redis.zscore(gateway.ledger.keys.listeners, job_id)
    assert least_s < until_ms / 1000 - gateway.records.now_s() < most_s


@pytest.mark.parametrize(
    ("headers", "fields", "param"),
    [
        ({"Millrace-Resume": "soon"}, {}, "Millrace-Resume"),
        ({"Idempotency-Key": "a b"}, {}, "Idempotency-Key"),
        ({}, {"background": "yes"}, "background"),
        ({}, {"webhook_url": 5}, "webhook_url"),
        ({}, {"webhook_url": HOOK}, "webhook_url"),
    ],
)
def test_a_wish_that_cannot_be_had_enqueues_nothing(
    http: FlaskClient,
    gateway: Gateway,
    headers: dict[str, str],
    fields: dict[str, Any],
    param: str,
) -> None:
    """400 that names it; a webhook cannot be had of a server that has no key to sign with."""
    response = ask(http, model="absent", headers=headers, **fields)
    assert response.status_code == 400
    assert response.json["error"]["param"] == param
    assert accepted_ids(gateway) == []


def test_a_webhook_is_kept_with_its_job(gateway: Gateway, settings: QueueSettings) -> None:
    """The record has the URL, for whoever ends the job."""
    secret = "whsec_" + base64.b64encode(bytes(32)).decode()
    api_settings = ApiSettings.model_validate(settings.model_dump() | {"webhook_secret": secret})
    http = create_app(api_settings, gateway).test_client()
    response = ask(http, model="absent", background=True, webhook_url=HOOK)
    assert gateway.records.find(response.json["id"], "local").webhook_url == HOOK


def test_interactive_work_goes_before_background_work(http: FlaskClient, gateway: Gateway) -> None:
    """Although it came later."""
    later = ask(http, model="absent", background=True)
    now = ask(http, model="absent", stream=True, background=True, buffered=False)
    claims = gateway.ledger.claim_many("chat.absent", "worker", 2)
    assert isinstance(claims, list)
    assert [claim.job_id for claim in claims] == [now.headers["x-request-id"], later.json["id"]]
    now.close()
