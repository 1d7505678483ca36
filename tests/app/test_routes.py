"""The routes, in one process with an echo worker."""

from __future__ import annotations

import json
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.gateway import Gateway
from tests.app.conftest import Worker

pytestmark = pytest.mark.usefixtures("workers")


def ask(http: FlaskClient, content: str = "hello", **changes: Any) -> Any:
    """A chat completion."""
    body = {"model": "echo", "messages": [{"role": "user", "content": content}]} | changes
    return http.post("/v1/chat/completions", json=body)


def test_a_chat_is_answered(http: FlaskClient) -> None:
    """Whole, with its job's id in the header and in the answer's id."""
    response = ask(http)
    assert response.status_code == 200
    assert response.json["choices"][0]["message"]["content"] == "hello"
    assert response.json["id"] == f"chatcmpl-{response.headers['x-request-id']}"


def test_a_stream_has_consecutive_ids_and_an_end(http: FlaskClient) -> None:
    """Every event of the job's log is one event of the stream."""
    response = ask(http, "one two three", stream=True)
    lines = response.text.splitlines()
    ids = [int(line[4:]) for line in lines if line.startswith("id: ")]
    data = [line[6:] for line in lines if line.startswith("data: ")]
    assert ids == list(range(1, len(ids) + 1))
    assert data[-1] == "[DONE]"
    chunks = [json.loads(line) for line in data[:-1]]
    assert "".join(c["choices"][0]["delta"].get("content", "") for c in chunks) == "one two three"


def test_embeddings_are_answered(http: FlaskClient) -> None:
    """A row per input, in order, with its index."""
    response: Any = http.post("/v1/embeddings", json={"model": "echo-embed", "input": ["a", "b"]})
    assert [row["index"] for row in response.json["data"]] == [0, 1]
    assert len(response.json["data"][0]["embedding"]) == 384


@pytest.mark.parametrize("stream", [True, False])
def test_what_does_not_fit_is_an_error_of_the_job(http: FlaskClient, stream: bool) -> None:
    """Without a Celery worker to ask, the refusal is the job's last event."""
    response = ask(http, "word " * 500, stream=stream)
    if stream:
        data = [line for line in response.text.splitlines() if line.startswith("data: ")]
        body = json.loads(data[-1][6:])
    else:
        assert response.status_code == 400
        body = response.json
    assert body["error"]["code"] == "context_length_exceeded"
    assert "600 tokens" in body["error"]["message"]


def test_a_late_refusal_of_embeddings_is_a_400(http: FlaskClient) -> None:
    """What only the worker can know is named as well as what the API knows."""
    response: Any = http.post(
        "/v1/embeddings", json={"model": "echo-embed", "input": ["a", "long " * 200]}
    )
    assert response.status_code == 400
    assert response.json["error"]["param"] == "input[1]"


def test_ready_names_the_model_that_is_missing(http: FlaskClient) -> None:
    """503 until every model of the catalog is served."""
    response: Any = http.get("/ready")
    states = {name: entry["state"] for name, entry in response.json["models"].items()}
    assert response.status_code == 503
    assert states == {"echo": "ready", "echo-embed": "ready", "absent": "missing"}


def test_health_asks_nobody(http: FlaskClient) -> None:
    """It says that this process answers, and nothing else."""
    assert http.get("/health").json == {"status": "ok"}


def test_models_have_their_state(http: FlaskClient) -> None:
    """The list and the single model agree."""
    models: Any = http.get("/v1/models").json
    listed = {model["id"]: model for model in models["data"]}
    assert listed["echo"]["state"] == "ready"
    assert listed["absent"]["state"] == "missing"
    assert http.get("/v1/models/echo").json == listed["echo"]
    assert http.get("/v1/models/none").status_code == 404


def test_a_body_over_the_limit_is_a_413(http: FlaskClient) -> None:
    """In OpenAI's shape."""
    response = ask(http, "x" * 200_000)
    assert response.status_code == 413
    assert response.json["error"]["code"] == "request_too_large"


def test_a_fault_of_ours_is_a_500_without_details(
    http: FlaskClient, gateway: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client learns that it failed, and nothing of why."""

    def broken(*_: object) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(gateway, "submit", broken)
    response = ask(http)
    assert response.status_code == 500
    assert response.json["error"]["type"] == "server_error"
    assert "secret" not in response.text


def test_a_stream_that_is_closed_early_cancels_its_job(http: FlaskClient, gateway: Gateway) -> None:
    """Whoever closes the response, the job of it stops."""
    response = http.post(
        "/v1/chat/completions",
        json={"model": "absent", "stream": True, "messages": [{"role": "user", "content": "x"}]},
        buffered=False,
    )
    chunks = response.iter_encoded()
    assert next(chunks).startswith(b": job ")
    assert next(chunks) == b": queued, position 1\n"
    response.close()
    assert gateway.ledger.state(response.headers["x-request-id"]) == "cancelled"


def test_a_stream_that_is_never_read_cancels_its_job(http: FlaskClient, gateway: Gateway) -> None:
    """Also when the client left before the first byte."""
    response = http.post(
        "/v1/chat/completions",
        json={"model": "absent", "stream": True, "messages": [{"role": "user", "content": "x"}]},
        buffered=False,
    )
    response.close()
    assert gateway.ledger.state(response.headers["x-request-id"]) == "cancelled"


def test_a_drained_job_continues_with_the_next_worker(
    http: FlaskClient, gateway: Gateway, workers: list[Worker]
) -> None:
    """A worker that gives its job back leaves it waiting, without a strike."""
    workers[0].close()
    assert gateway.roster.workers("chat.echo") == {}
    model: Any = http.get("/v1/models/echo").json
    assert model["state"] == "missing"
    workers[0] = Worker(gateway.settings, gateway, "echo")
    assert ask(http).json["choices"][0]["message"]["content"] == "hello"
