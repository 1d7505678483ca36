"""Requests under an ``Idempotency-Key``: one job answers all that are the same."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tests.app.asking import accepted_ids, ask, ended, leave_early
from tests.app.by_hand import BROKEN, Hand
from tests.app.conftest import Worker
from tests.app.lane import node

KEY = {"Idempotency-Key": "order-66"}
LATER = KEY | {"Prefer": "respond-async"}


def replayed(response: Any) -> bool:
    """Whether the answer says that it is the first request's."""
    return bool(response.headers.get("Idempotent-Replayed") == "true")


@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("stream", [False, True])
def test_a_repeat_is_answered_as_the_first_was(
    http: FlaskClient, gateway: Gateway, stream: bool
) -> None:
    """Byte by byte, under the first one's id; nothing is computed again."""
    first, second = (ask(http, stream=stream, headers=KEY) for _ in range(2))
    assert first.status_code == second.status_code == 200
    assert first.data == second.data
    assert first.headers["x-request-id"] == second.headers["x-request-id"]
    assert (replayed(first), replayed(second)) == (False, True)
    assert accepted_ids(gateway) == [first.headers["x-request-id"]]


@pytest.mark.parametrize("later", [False, True])
def test_two_requests_at_once_make_one_job(
    http: FlaskClient, gateway: Gateway, workers: list[Worker], later: bool
) -> None:
    """Whichever comes first; both get its answer, and one of them is told that it is another's."""
    together = threading.Barrier(2)

    def post(client: FlaskClient) -> Any:
        together.wait()
        return ask(client, headers=LATER if later else KEY)

    clients = [http.application.test_client() for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        answers = list(threads.map(post, clients))
    [job_id] = accepted_ids(gateway)
    assert [answer.status_code for answer in answers] == [202 if later else 200] * 2
    assert [answer.headers["x-request-id"] for answer in answers] == [job_id] * 2
    assert sorted(map(replayed, answers)) == [False, True]
    if not later:
        assert answers[0].data == answers[1].data


def test_a_repeat_joins_a_job_that_still_runs(http: FlaskClient, gateway: Gateway) -> None:
    """It gets the events from the first on, and the others as they come."""
    leave_early(ask(http, model="absent", stream=True, headers=KEY, buffered=False))
    second = ask(http, model="absent", stream=True, headers=KEY, buffered=False)
    pieces = second.iter_encoded()
    assert next(pieces) == f": job {accepted_ids(gateway)[0]}\n".encode()
    assert next(pieces) == b": queued, position 1\n"
    second.close()
    assert gateway.ledger.state(accepted_ids(gateway)[0]) == "queued"


@pytest.mark.parametrize("changed", ["body", "path"])
def test_another_request_under_the_key_is_a_conflict(
    http: FlaskClient, gateway: Gateway, changed: str
) -> None:
    """409 that need not be tried again, and nothing enqueued."""
    # Both endpoints read it, and each skips what is the other's.
    body = {"model": "absent", "messages": [{"role": "user", "content": "x"}], "prompt": "x"}
    assert http.post("/v1/chat/completions", json=body, headers=LATER).status_code == 202
    url = "/v1/completions" if changed == "path" else "/v1/chat/completions"
    other = body if changed == "path" else body | {"seed": 1}
    response: Any = http.post(url, json=other, headers=LATER)
    assert response.status_code == 409
    assert response.json["error"]["code"] == "idempotency_conflict"
    assert response.json["error"]["param"] == "Idempotency-Key"
    assert "new key" in response.json["error"]["message"]
    assert response.headers["x-should-retry"] == "false"
    assert len(accepted_ids(gateway)) == 1


def test_a_cancelled_job_frees_its_key(http: FlaskClient, gateway: Gateway) -> None:
    """Its client comes again to have it done, perhaps with another request."""
    first = ask(http, model="absent", background=True, headers=KEY).json["id"]
    gateway.cancel(gateway.records.find(first, "local"))
    second = ask(http, "other", model="absent", background=True, headers=KEY)
    assert second.status_code == 202
    assert not replayed(second)
    assert second.json["id"] != first


@pytest.mark.parametrize("stream", [False, True])
def test_a_failure_is_repeated_too(http: FlaskClient, gateway: Gateway, stream: bool) -> None:
    """The first one's error, under its id, marked as its."""
    ask(http, model="absent", stream=stream, headers=LATER, buffered=False).close()
    Hand(gateway.ledger).say(BROKEN, state="failed")
    response = ask(http, model="absent", stream=stream, headers=KEY)
    assert response.status_code == (200 if stream else 500)
    assert response.headers["x-request-id"] == accepted_ids(gateway)[0]
    assert replayed(response)
    assert BROKEN.message in response.text


def test_a_forgotten_answer_is_gone(http: FlaskClient, gateway: Gateway) -> None:
    """410 that says how to have it computed again; the record outlives its log by minutes."""
    job_id = ask(http, model="absent", background=True, headers=KEY).json["id"]
    Hand(gateway.ledger).say(BROKEN, state="failed")
    gateway.redis.delete(gateway.ledger.keys.log(job_id))
    response = ask(http, model="absent", background=True, headers=KEY)
    assert response.status_code == 410
    assert response.json["error"]["code"] == "log_expired"
    assert "new key" in response.json["error"]["message"]


@pytest.mark.usefixtures("workers")
def test_an_answer_is_not_put_off_to_a_job_that_lives_by_its_listeners(http: FlaskClient) -> None:
    """With a 202 in hand this client would leave, and the job could end unheard."""
    first = ask(http, headers=KEY)
    second = ask(http, headers=LATER)
    assert second.status_code == 200
    assert second.data == first.data
    assert "Preference-Applied" not in second.headers


@pytest.mark.usefixtures("workers")
def test_the_answer_to_background_work_may_be_waited_for(
    http: FlaskClient, gateway: Gateway
) -> None:
    """A repeat without ``Prefer`` gets what the first one's job came to."""
    first = ask(http, headers=LATER)
    second = ask(http, headers=KEY)
    assert (first.status_code, second.status_code) == (202, 200)
    assert ended(gateway, first.json["id"]).state == "done"
    assert second.json["id"] == f"chatcmpl-{first.json['id']}"
    assert replayed(second)


def test_a_worker_is_not_asked_about_a_repeat(
    http: FlaskClient, gateway: Gateway, workers: list[Worker]
) -> None:
    """It was asked before the first one was accepted."""
    asked: list[object] = []

    def check(_state: object, **question: object) -> dict[str, bool]:
        asked.append(question)
        return {"answered": True}

    with node(gateway.celery, workers[0].process.leases.node, check_prompt=check):
        for _ in range(2):
            assert ask(http, "word " * 110, headers=KEY).status_code == 200
    assert len(asked) == 1
