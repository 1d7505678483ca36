"""``/metrics`` of an application, on a real Redis with echo workers."""

from __future__ import annotations

import time

import pytest
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families

from app import create_app
from app.settings import ApiSettings
from tasks.connection import connect
from tasks.gateway import Gateway
from tasks.measures import Family, Measures, Sample, Snapshot
from tasks.settings import QueueSettings
from tests.app.asking import ask, leave_early
from tests.app.conftest import Worker
from tests.conftest import RedisServer


def value(http: FlaskClient, name: str, **labels: str) -> float:
    """The sum of the samples of a name that have these labels, as a scrape says it."""
    wanted = set(labels.items())
    return sum(
        sample.value
        for family in text_string_to_metric_families(http.get("/metrics", buffered=True).text)
        for sample in family.samples
        if sample.name == f"millrace_{name}" and wanted <= set(sample.labels.items())
    )


def eventually(http: FlaskClient, expected: float, name: str, **labels: str) -> None:
    """Within some seconds: workers put what they count every other second."""
    give_up_at = time.monotonic() + 10
    while value(http, name, **labels) != expected:
        assert time.monotonic() < give_up_at, value(http, name, **labels)
        time.sleep(0.1)


def test_a_request_is_counted_when_its_answer_has_ended(
    http: FlaskClient, workers: list[Worker]
) -> None:
    """By its route, its method and its status; a stream when it is over."""
    ask(http, stream=True)
    route = "/v1/chat/completions"
    assert value(http, "http_requests_total", route=route, method="POST", status="200") == 1
    assert value(http, "http_request_duration_seconds_count", route=route) == 1
    # The scrape itself is under way.
    assert value(http, "http_requests_in_flight") == 1


def test_a_refusal_is_counted_by_its_code(http: FlaskClient) -> None:
    """As the body of the answer names it."""
    ask(http, temperature=9)
    http.get("/v1/nothing")
    assert value(http, "http_errors_total", code="invalid_value") == 1
    assert value(http, "http_errors_total", code="unknown_url") == 1
    assert value(http, "http_requests_total", route="none", status="404") == 1


def test_a_client_that_leaves_is_counted(http: FlaskClient, workers: list[Worker]) -> None:
    """Its answer ended without it, once."""
    text = "a long answer " * 60
    leave_early(ask(http, text, stream=True, buffered=False))
    assert value(http, "answers_total", model="echo", end="client_left") == 1


def test_two_processes_tell_the_same(
    http: FlaskClient, workers: list[Worker], settings: QueueSettings, gateway: Gateway
) -> None:
    """What one of them answered, the other one counts too."""
    other = create_app(ApiSettings.model_validate(settings.model_dump()), gateway).test_client()
    for client in (http, other, other):
        ask(client)
    # Each puts its own when it is asked.
    for client in (http, other, http):
        value(client, "answers_total")
    for client in (http, other):
        assert value(client, "answers_total", model="echo", end="done") == 3
        assert value(client, "jobs_ended_total", model="echo", state="done") == 3
    eventually(other, 3, "job_attempts_total", model="echo", attempt="first")


def test_a_job_ends_once_however_it_ends(
    http: FlaskClient, workers: list[Worker], gateway: Gateway
) -> None:
    """Done, and cancelled while it waits for a model that nobody serves."""
    ask(http)
    body = {"model": "absent", "messages": [{"role": "user", "content": "x"}], "background": True}
    job_id = http.post("/v1/chat/completions", json=body).get_json()["id"]
    assert value(http, "num_requests_waiting", model="absent", line="background") == 1
    assert value(http, "jobs_open") == 1
    http.delete(f"/v1/jobs/{job_id}")
    assert value(http, "jobs_ended_total", model="echo", state="done") == 1
    assert value(http, "jobs_ended_total", model="absent", state="cancelled") == 1
    assert value(http, "jobs_ended_total") == 2
    assert value(http, "num_requests_waiting", model="absent") == 0


def test_a_whole_answer_says_how_long_its_job_waited(
    http: FlaskClient, workers: list[Worker]
) -> None:
    """Chats and embeddings, in whole milliseconds; a stream has no such header."""
    embedded = http.post("/v1/embeddings", json={"model": "echo-embed", "input": "a cat"})
    for answer in (ask(http), embedded):
        assert answer.status_code == 200
        assert int(answer.headers["x-queue-time-ms"]) < 10_000
    assert "x-queue-time-ms" not in ask(http, stream=True).headers


def test_without_redis_it_says_only_that(
    settings: QueueSettings, mortal_redis: RedisServer, workers: list[Worker]
) -> None:
    """Totals without the others' would be less than before: there are none until it is back."""
    own = settings.model_copy(update={"queue_url": mortal_redis.url})
    app = create_app(ApiSettings.model_validate(own.model_dump()))
    http = app.test_client()
    assert value(http, "queue_up") == 1
    mortal_redis.kill()
    answer = http.get("/metrics")
    assert answer.status_code == 200
    names = {
        sample.name
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert names == {"millrace_queue_up"}
    assert value(http, "queue_up") == 0


def test_the_share_of_the_slots_memories_is_of_all_workers_together(
    http: FlaskClient, settings: QueueSettings
) -> None:
    """Not the sum of two shares: of what all hold, by what all could."""
    place = Measures(connect(settings.queue_url), settings)
    for process, held, room in (("a", 100.0, 100.0), ("b", 0.0, 300.0)):
        families = (gauge("kv_cache_tokens", held), gauge("kv_cache_capacity_tokens", room))
        said = Snapshot(part="w", host="elsewhere", pid=1, born=1, families=families)
        place.put(process, said, first=True)
    assert value(http, "kv_cache_usage_ratio", model="m") == pytest.approx(0.25)


def gauge(name: str, value: float) -> Family:
    """A number that a worker of the model ``m`` says."""
    sample = Sample(f"millrace_{name}", (("model", "m"),), value)
    return Family(f"millrace_{name}", "gauge", "", (sample,))
