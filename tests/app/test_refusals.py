"""A queue that takes no more, and a deadline that passes in it: who is refused, and who is not."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.errors import register
from tasks.errors import QueueFull
from tasks.gateway import Gateway
from tasks.settings import QueueSettings
from tasks.upkeep import Upkeep
from tests.app.asking import accepted_ids, ask, ended
from tests.app.conftest import Worker

LIMIT = 3
KEY = {"Idempotency-Key": "k"}


@pytest.fixture
def settings(settings: QueueSettings) -> QueueSettings:
    """A queue that is soon full."""
    return settings.model_copy(update={"max_waiting": LIMIT})


@contextmanager
def now_and_then(step: Callable[[], object]) -> Iterator[None]:
    """Do ``step`` beside, as a reconciler does its own."""
    stopped = threading.Event()

    def run() -> None:
        while not stopped.wait(0.02):
            step()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stopped.set()
        thread.join()


def fill(http: FlaskClient, **changes: Any) -> list[str]:
    """As many interactive jobs as may wait, which go on without a listener."""
    responses = [
        ask(http, stream=True, background=True, buffered=False, **changes) for _ in range(LIMIT)
    ]
    for response in responses:
        response.close()
    return [response.headers["x-request-id"] for response in responses]


def test_a_full_queue_refuses_and_what_it_has_finishes(
    http: FlaskClient, gateway: Gateway, settings: QueueSettings
) -> None:
    """429 with the time to come back after, however it was asked; nothing of it is enqueued."""
    accepted = fill(http)
    for stream, background in ((False, False), (True, False), (False, True)):
        response = ask(http, stream=stream, background=background)
        assert response.status_code == 429
        error = response.json["error"]
        assert (error["type"], error["code"]) == ("rate_limit_error", "queue_full")
        assert "again later" in error["message"]
        assert 10 <= int(response.headers["Retry-After"]) <= 13
    assert accepted_ids(gateway) == accepted
    worker = Worker(settings, gateway, "echo")
    try:
        assert {ended(gateway, job_id).state for job_id in accepted} == {"done"}
        assert ask(http).status_code == 200
    finally:
        worker.close()


def test_background_work_leaves_room_for_interactive_work(http: FlaskClient) -> None:
    """Its limit counts what is as urgent as it is, and more urgent work only its own kind."""
    for _ in range(LIMIT):
        assert ask(http, model="absent", background=True).status_code == 202
    assert ask(http, model="absent", background=True).status_code == 429
    assert len(fill(http, model="absent")) == LIMIT


def test_another_model_has_a_queue_of_its_own(http: FlaskClient) -> None:
    """A model that is overrun refuses; its neighbours do not."""
    fill(http, model="absent")
    assert ask(http, model="absent", background=True).status_code == 429
    assert ask(http, background=True).status_code == 202


def test_a_repeat_needs_no_room(http: FlaskClient) -> None:
    """Its job is in the queue already."""
    first = ask(http, model="absent", background=True, headers=KEY)
    fill(http, model="absent")
    second = ask(http, model="absent", background=True, headers=KEY)
    assert (second.status_code, second.json["id"]) == (202, first.json["id"])


def test_who_was_refused_together_does_not_come_back_together(http: FlaskClient) -> None:
    """Waits are spread over a quarter, finer than by whole seconds where the client can read it."""
    fill(http, model="absent")
    refused = [ask(http, model="absent").headers for _ in range(20)]
    waits_ms = [int(headers["retry-after-ms"]) for headers in refused]
    assert 10_000 <= min(waits_ms) < max(waits_ms) <= 12_500
    assert len(set(waits_ms)) > 10
    for headers in refused:
        assert 0 <= int(headers["Retry-After"]) * 1000 - int(headers["retry-after-ms"]) < 1000


@pytest.mark.parametrize(("told_s", "least_s", "most_s"), [(1, 1, 2), (60, 60, 75), (120, 96, 120)])
def test_no_wait_is_longer_than_clients_obey(told_s: int, least_s: int, most_s: int) -> None:
    """Spread included, and still spread at the longest."""
    app = Flask("refusing")
    register(app)

    @app.get("/")
    def refuse() -> str:
        raise QueueFull("Full.", retry_after_s=told_s)

    waits_s = {int(app.test_client().get("/").headers["Retry-After"]) for _ in range(50)}
    assert least_s <= min(waits_s) <= max(waits_s) <= most_s
    assert len(waits_s) > (told_s > 1)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "x"}]}),
        ("/v1/completions", {"prompt": "x"}),
    ],
)
def test_a_deadline_that_passes_in_the_queue_is_a_504(
    http: FlaskClient, gateway: Gateway, upkeep: Upkeep, url: str, asked: dict[str, Any]
) -> None:
    """Typed, not to be tried again as it is, and the job's end."""
    with now_and_then(upkeep.expire):
        response: Any = http.post(url, json=asked | {"model": "absent", "timeout_s": 0.3})
    assert response.status_code == 504
    assert response.json["error"]["code"] == "deadline_exceeded"
    assert response.headers["x-should-retry"] == "false"
    assert gateway.ledger.state(response.headers["x-request-id"]) == "expired"


def test_embeddings_have_deadlines_too(http: FlaskClient, gateway: Gateway, upkeep: Upkeep) -> None:
    """No worker is there to take them in time."""
    body = {"model": "echo-embed", "input": "x", "timeout_s": 0.3}
    with now_and_then(upkeep.expire):
        response = http.post("/v1/embeddings", json=body)
    assert response.status_code == 504
    assert gateway.ledger.state(response.headers["x-request-id"]) == "expired"
