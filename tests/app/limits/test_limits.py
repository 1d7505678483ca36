"""Limits of API keys, as their clients meet them."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tasks.identities import Identities
from tests.app.asking import ask
from tests.app.limits.conftest import Limited

REQUESTS, TOKENS = "x-ratelimit-remaining-requests", "x-ratelimit-remaining-tokens"
KEPT: dict[str, Any] = {"temperature": 0}


def remaining(answer: Any, what: str) -> int:
    """What the answer says is left."""
    return int(answer.headers[what])


def code_of(answer: Any) -> str:
    """The code of an answer that is an error."""
    return str(answer.json["error"]["code"])


@pytest.mark.usefixtures("workers")
def test_an_answer_tells_what_is_left(http: FlaskClient, limited: Limited) -> None:
    """Of both limits: how much, how much of it, and when all of it."""
    answer = ask(http, headers=limited(requests_per_minute=60, tokens_per_minute=6_000))
    assert answer.status_code == 200
    told = {name: value for name, value in answer.headers if name.startswith("x-ratelimit")}
    assert told == {
        "x-ratelimit-limit-requests": "60",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-reset-requests": told["x-ratelimit-reset-requests"],
        "x-ratelimit-limit-tokens": "6000",
        "x-ratelimit-remaining-tokens": told["x-ratelimit-remaining-tokens"],
        "x-ratelimit-reset-tokens": told["x-ratelimit-reset-tokens"],
    }
    assert told["x-ratelimit-reset-requests"] in ("1s", *(f"{ms}ms" for ms in range(1000)))


@pytest.mark.usefixtures("workers")
def test_without_limits_nothing_is_told(http: FlaskClient, limited: Limited) -> None:
    """A key without limits, and one that is limited only in its open jobs."""
    for key in (limited(), limited(most_open=5)):
        answer = ask(http, headers=key)
        assert answer.status_code == 200
        assert not any(name.startswith("x-ratelimit") for name, _ in answer.headers)


@pytest.mark.usefixtures("workers")
def test_one_request_too_many_is_a_429_that_says_when(http: FlaskClient, limited: Limited) -> None:
    """In OpenAI's words, in seconds and in milliseconds, and with what is left."""
    key = limited(requests_per_minute=2)
    for _ in range(2):
        assert ask(http, headers=key).status_code == 200
    refused = ask(http, headers=key)
    assert (refused.status_code, code_of(refused)) == (429, "rate_limit_exceeded")
    assert refused.json["error"]["type"] == "rate_limit_error"
    assert remaining(refused, REQUESTS) == 0
    after_ms = int(refused.headers["retry-after-ms"])
    assert 20_000 < after_ms <= 30_000
    assert refused.headers["Retry-After"] == str(-(-after_ms // 1000))


@pytest.mark.usefixtures("workers")
def test_after_the_time_told_the_same_request_is_answered(
    http: FlaskClient, limited: Limited
) -> None:
    """The time is the real one: waiting for so long is enough."""
    key = limited(requests_per_minute=120)
    answers = [ask(http, headers=key, **KEPT) for _ in range(121)]
    while answers[-1].status_code == 200:
        answers.append(ask(http, headers=key, **KEPT))
    time.sleep(int(answers[-1].headers["retry-after-ms"]) / 1000)
    assert ask(http, headers=key, **KEPT).status_code == 200


@pytest.mark.usefixtures("workers")
def test_an_answer_costs_the_tokens_of_its_usage(http: FlaskClient, limited: Limited) -> None:
    """Whatever was estimated while it was computed."""
    key = limited(tokens_per_minute=600)
    answer = ask(http, "word " * 30, headers=key, max_tokens=300)
    left = remaining(http.get("/v1/models", headers=key), TOKENS)
    used = answer.json["usage"]["total_tokens"]
    # Ten come back in a second.
    assert 600 - used - 1 <= left <= 600 - used + 10
    assert used > 20


def test_a_stream_tells_what_its_estimate_leaves(http: FlaskClient, limited: Limited) -> None:
    """Its headers are sent before anything is computed; leaving gives the tokens back."""
    key = limited(tokens_per_minute=6_000)
    stream = ask(http, headers=key, buffered=False, stream=True, max_tokens=500, model="absent")
    next(stream.response)
    assert 5_400 < remaining(stream, TOKENS) < 5_600
    stream.close()
    assert remaining(http.get("/v1/models", headers=key), TOKENS) == 6_000


def test_a_bad_request_costs_nothing(http: FlaskClient, limited: Limited) -> None:
    """It is no request yet; its answer still tells what is left."""
    key = limited(requests_per_minute=60)
    answer = ask(http, headers=key, temperature="hot")
    assert (answer.status_code, remaining(answer, REQUESTS)) == (400, 60)


@pytest.mark.usefixtures("workers")
def test_what_is_kept_costs_a_request_and_no_tokens(http: FlaskClient, limited: Limited) -> None:
    """The second answer comes from the cache."""
    key = limited(requests_per_minute=60, tokens_per_minute=60)
    cache: list[str] = []
    for number in range(1, 30):
        answer = ask(http, "x y", headers=key, **KEPT, max_tokens=8)
        cache.append(answer.headers["x-cache"])
        assert answer.status_code == 200
        assert remaining(answer, REQUESTS) <= 60 - number + 2
    assert cache.count("hit") > 20


def test_a_shared_job_costs_its_first_request_alone(
    http: FlaskClient, limited: Limited, gateway: Gateway
) -> None:
    """Equal requests under way together: each costs a request, one the tokens."""
    key = limited(requests_per_minute=60, tokens_per_minute=6_000)
    absent = gateway.catalog.find("absent")
    Identities(gateway.redis, gateway.settings).say(absent, "some file")
    streams: list[Any] = []

    def begin() -> None:
        stream = ask(
            http,
            headers=key,
            buffered=False,
            stream=True,
            max_tokens=500,
            model="absent",
            **KEPT,
        )
        next(stream.response)
        streams.append(stream)

    for _ in range(3):
        begin()
    told = http.get("/v1/models", headers=key)
    for stream in streams:
        stream.close()
    assert [stream.headers["x-cache"] for stream in streams] == ["miss", *["coalesced"] * 2]
    assert 5_400 < remaining(told, TOKENS) < 5_600
    assert remaining(told, REQUESTS) == 57


def test_tokens_that_are_not_there_are_a_429(http: FlaskClient, limited: Limited) -> None:
    """A job that waits has taken them; the next is told when they are back."""
    key = limited(tokens_per_minute=600)
    body: dict[str, Any] = {"model": "absent", "background": True, "max_tokens": 400}
    assert ask(http, headers=key, **body).status_code == 202
    refused = ask(http, headers=key, **body)
    assert (refused.status_code, code_of(refused)) == (429, "rate_limit_exceeded")
    assert 18_000 < int(refused.headers["retry-after-ms"]) < 22_000


@pytest.mark.parametrize(
    ("content", "max_tokens", "param"), [("x", 700, "max_tokens"), ("word " * 600, 8, "messages")]
)
def test_what_no_minute_has_is_a_400(
    http: FlaskClient, limited: Limited, content: str, max_tokens: int, param: str
) -> None:
    """Waiting would not help: it says what is too much, and names it."""
    answer = ask(
        http,
        content,
        headers=limited(tokens_per_minute=500),
        model="absent",
        max_tokens=max_tokens,
    )
    assert (answer.status_code, code_of(answer)) == (400, "tokens_per_minute_exceeded")
    assert answer.json["error"]["param"] == param


@pytest.mark.usefixtures("workers")
def test_a_length_that_nobody_asked_for_refuses_nothing(
    http: FlaskClient, limited: Limited
) -> None:
    """A small key's chats without ``max_tokens`` are answered, one after the other."""
    assert ask(http, headers=limited(tokens_per_minute=50)).status_code == 200


def test_most_open_counts_waiting_jobs_too(http: FlaskClient, limited: Limited) -> None:
    """All of the owner's: over that many there is a 429, until one is cancelled."""
    key, other = limited(most_open=2), limited(most_open=2)
    body: dict[str, Any] = {"model": "absent", "background": True}
    first = ask(http, headers=key, **body)
    assert ask(http, headers=other, **body).status_code == 202
    refused = ask(http, headers=key, **body)
    assert (refused.status_code, code_of(refused)) == (429, "rate_limit_exceeded")
    assert int(refused.headers["Retry-After"]) >= 1
    assert ask(http, headers=limited("bob", most_open=2), **body).status_code == 202
    http.delete(f"/v1/jobs/{first.json['id']}", headers=key)
    assert ask(http, headers=key, **body).status_code == 202


def test_making_a_batch_is_a_request(http: FlaskClient, limited: Limited) -> None:
    """Also one that then turns out to have no file."""
    key = limited(requests_per_minute=1)
    body = {
        "input_file_id": "file-none",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    assert http.post("/v1/batches", json=body, headers=key).status_code == 400
    assert http.post("/v1/batches", json=body, headers=key).status_code == 429


@pytest.mark.usefixtures("workers")
def test_embeddings_cost_what_was_not_kept(http: FlaskClient, limited: Limited) -> None:
    """Inputs whose vectors are there already take no tokens."""
    key = limited(tokens_per_minute=120)
    kept = [f"text {n} of some" for n in range(4)]
    body = {"model": "echo-embed", "input": kept}
    answer: Any = http.post("/v1/embeddings", json=body, headers=key)
    assert answer.status_code == 200
    for n in range(10):
        again = {"model": "echo-embed", "input": [*kept, f"new {n}"]}
        assert http.post("/v1/embeddings", json=again, headers=key).status_code == 200
    told = remaining(http.get("/v1/models", headers=key), TOKENS)
    assert told >= 120 - answer.json["usage"]["total_tokens"] - 10 * 5


@pytest.mark.usefixtures("workers")
def test_no_two_clients_get_the_last_request(http: FlaskClient, limited: Limited) -> None:
    """Of forty asked for at once under a limit of ten, ten are answered."""
    key = limited(requests_per_minute=10)
    said: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: said.append(
                http.application.test_client()
                .post(
                    "/v1/chat/completions",
                    json={"model": "echo", "messages": [{"role": "user", "content": "a"}]},
                    headers=key,
                )
                .status_code
            )
        )
        for _ in range(40)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # One comes back in six seconds.
    assert 10 <= said.count(200) <= 11
    assert said.count(200) + said.count(429) == 40
