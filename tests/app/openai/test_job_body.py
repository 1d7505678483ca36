"""The job object, and lists of it."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from app.openai.job_body import render_job, render_page
from tasks.errors import DeadLetter, InvalidJob, TaskError
from tasks.events import Usage
from tasks.jobs import Priority
from tasks.records import Page, Record

WAITING = Record(
    id="0a1b",
    queue="chat.talk",
    kind="chat",
    model="talk",
    owner="ann",
    state="queued",
    priority=Priority.BACKGROUND,
    attempt=0,
    strikes=0,
    last_seq=0,
    created_s=1000.75,
    accepted_s=1000.9,
    started_s=None,
    finished_s=None,
    listen_s=0.0,
    resume_s=0.0,
    keep_s=3600,
    cancelling=False,
    webhook_url="",
    webhook_tries=0,
    webhook_said="",
    metadata={},
)
DONE = replace(WAITING, state="done", attempt=2, started_s=1001.2, finished_s=1009.99)


def rendered(record: Record, **known: Any) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(render_job(record, **known))
    return body


def test_a_waiting_job_has_its_place_and_nothing_that_is_to_come() -> None:
    """What does not apply is left out."""
    assert rendered(replace(WAITING, metadata={"a": "b"}), position=3) == {
        "object": "job",
        "id": "0a1b",
        "kind": "chat.completion",
        "model": "talk",
        "state": "queued",
        "attempt": 0,
        "position": 3,
        "created_at": 1000,
        "metadata": {"a": "b"},
        "urls": {"self": "/v1/jobs/0a1b", "events": "/v1/jobs/0a1b/events"},
    }


def test_times_are_whole_seconds() -> None:
    """As ``created`` of every answer, which is the same moment."""
    body = rendered(DONE, deadline_at=1060.5)
    times = {name: value for name, value in body.items() if name.endswith("_at")}
    assert times == {
        "created_at": 1000,
        "started_at": 1001,
        "finished_at": 1009,
        "expires_at": 4609,
        "deadline_at": 1060,
    }
    assert {type(value) for value in times.values()} == {int}


def test_a_result_is_the_answer_as_it_is() -> None:
    """Not a string of JSON, and not written anew."""
    answer = b'{"id":"chatcmpl-0a1b",  "choices":[]}'
    body = render_job(DONE, result=answer)
    assert answer in body
    assert json.loads(body)["result"] == {"id": "chatcmpl-0a1b", "choices": []}


def test_usage_has_openais_shape() -> None:
    """For every kind the same, with the sum."""
    body = rendered(DONE, usage=Usage(5, 7, 4))
    assert body["usage"] == {
        "prompt_tokens": 5,
        "completion_tokens": 7,
        "total_tokens": 12,
        "prompt_tokens_details": {"cached_tokens": 4},
    }


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (InvalidJob("No.", param="stop"), "invalid_request_error"),
        (DeadLetter("No."), "server_error"),
    ],
)
def test_an_error_says_whose_fault_it_was(error: TaskError, kind: str) -> None:
    """As it would have answered the request."""
    body = rendered(replace(DONE, state="failed"), error=error)
    assert body["error"] == {
        "message": "No.",
        "type": kind,
        "param": error.param,
        "code": error.code,
    }


@pytest.mark.parametrize(
    ("kind", "called"),
    [("chat", "chat.completion"), ("complete", "completion"), ("embed", "embedding")],
)
def test_kinds_are_called_as_their_endpoints(kind: str, called: str) -> None:
    """The ledger's own names stay inside."""
    assert rendered(replace(WAITING, kind=kind))["kind"] == called


def test_a_job_that_was_asked_to_stop_says_so() -> None:
    """While it runs on."""
    assert rendered(replace(WAITING, state="running", cancelling=True))["cancelling"] is True
    assert "cancelling" not in rendered(WAITING)


def test_a_webhooks_url_is_shown_without_its_secrets() -> None:
    """Neither the query nor what stands before the host."""
    url = "https://user:secret@hooks.example:8443/done?token=secret#secret"
    record = replace(DONE, webhook_url=url, webhook_tries=2, webhook_said="503")
    assert rendered(record)["webhook"] == {
        "url": "https://hooks.example:8443/done",
        "tries": 2,
        "said": "503",
    }


def test_a_page_names_its_ends() -> None:
    """The last id is what the next page follows."""
    page = json.loads(render_page(Page((replace(DONE, id="b"), replace(WAITING, id="a")), True)))
    assert [job["id"] for job in page["data"]] == ["b", "a"]
    assert [page[name] for name in ("object", "first_id", "last_id", "has_more")] == [
        *("list", "b", "a", True)
    ]


def test_an_empty_page_has_no_ends() -> None:
    """They are null, as OpenAI's."""
    assert json.loads(render_page(Page((), False))) == {
        "object": "list",
        "data": [],
        "first_id": None,
        "last_id": None,
        "has_more": False,
    }
