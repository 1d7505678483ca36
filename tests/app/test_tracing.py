"""One trace from the request to the worker's phases, and nothing where nobody collects."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.settings import QueueSettings
from tasks.tracing import tracer_of
from tests.app.asking import ask
from tests.app.conftest import Worker
from tests.otlp import Collector

TRACE = "0af7651916cd43dd8448eb211c80319c"
CHAT = "POST /v1/chat/completions"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector that everything made after it sends its spans to, soon."""
    with Collector() as collector:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")
        yield collector


@pytest.fixture
def traced(
    collector: Collector, settings: QueueSettings, gateway: Gateway
) -> Iterator[FlaskClient]:
    """A client of an application with workers of ``echo`` and ``echo-embed``, all traced."""
    app = create_app(
        ApiSettings.model_validate(settings.model_dump() | {"check_timeout_s": 0.1}), gateway
    )
    with ExitStack() as ends:
        ends.callback(app.extensions["tracer"].close)
        for name in ("echo", "echo-embed"):
            ends.callback(Worker(settings, gateway, name).close)
        yield app.test_client()


def test_a_request_is_one_trace_from_its_head_to_its_last_token(
    traced: FlaskClient, collector: Collector
) -> None:
    """The client's trace goes on: queue and worker are below the request, in order of time."""
    response = ask(traced, headers={"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, stream=True)
    assert "[DONE]" in response.text
    names = (CHAT, "enqueue echo", "attempt echo", "queue wait", "prompt", "decode")
    spans = collector.spans(*names)
    assert {spans[name].trace_id for name in names} == {TRACE}
    request, enqueue, attempt = spans[CHAT], spans["enqueue echo"], spans["attempt echo"]
    assert request.parent_id == "00f067aa0ba902b7"
    assert enqueue.parent_id == request.span_id
    assert attempt.parent_id == spans["queue wait"].parent_id == enqueue.span_id
    assert spans["prompt"].parent_id == spans["decode"].parent_id == attempt.span_id
    assert request.began_s <= enqueue.began_s <= spans["queue wait"].ended_s <= attempt.ended_s
    assert spans["prompt"].ended_s == pytest.approx(spans["decode"].began_s)
    assert attempt.ended_s <= request.ended_s
    assert {span.service for span in spans.values()} == {"millrace-api", "millrace-worker"}


def test_spans_bear_counts_and_no_texts(traced: FlaskClient, collector: Collector) -> None:
    """Neither the prompt nor the answer, which is its echo, is in any of them."""
    job = ask(traced, "confidential confidential").headers["x-request-id"]
    spans = collector.spans(CHAT, "attempt echo", "decode")
    attempt = spans["attempt echo"].attributes
    assert attempt["millrace.job.id"] == job
    assert attempt["millrace.attempt"] == 1
    assert attempt["gen_ai.usage.output_tokens"] == spans["decode"].attributes["millrace.tokens"]
    assert spans[CHAT].attributes["http.response.status_code"] == 200
    assert b"confidential" not in collector.raw


def test_embeddings_are_traced_too(traced: FlaskClient, collector: Collector) -> None:
    """Their attempt says how many tokens it took in."""
    traced.post("/v1/embeddings", json={"model": "echo-embed", "input": ["a b", "c"]})
    attempt = collector.spans("attempt echo-embed")["attempt echo-embed"]
    assert attempt.attributes["gen_ai.usage.input_tokens"] > 0


def test_what_fails_is_marked_with_its_code(traced: FlaskClient, collector: Collector) -> None:
    """Where it failed, and with which code; its message is the client's."""
    assert ask(traced, "word " * 500).status_code == 400
    attempt = collector.spans("attempt echo")["attempt echo"]
    assert attempt.failed
    assert attempt.attributes["error.type"] == "context_length_exceeded"


def test_what_machines_ask_all_the_time_is_not_traced(
    traced: FlaskClient, collector: Collector
) -> None:
    """Of a health check and a request after it, only the latter is told."""
    for path in ("/health", "/v1/models"):
        traced.get(path, buffered=True)
    collector.spans("GET /v1/models")
    assert [span.name for span in collector.all()] == ["GET /v1/models"]


def test_without_an_endpoint_nothing_of_it_is_loaded() -> None:
    """An installation without the extra starts as before."""
    code = (
        "import sys; sys.modules['opentelemetry'] = None\n"
        "import app.tracing, worker.tracing, tasks.tracing\n"
        "assert tasks.tracing.tracer_of('x') is None"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, stderr=subprocess.PIPE)
    assert done.returncode == 0, done.stderr


def test_a_missing_extra_is_told_and_stops_nobody() -> None:
    """Asked for traces without the package, the process says what to install and goes on."""
    code = (
        "import os, sys; os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = 'http://127.0.0.1:9'\n"
        "sys.modules['opentelemetry.sdk'] = None\n"
        "import tasks.tracing\n"
        "assert tasks.tracing.tracer_of('x') is None"
    )
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "millrace[tracing]" in told.stderr


@pytest.mark.parametrize("listens", [True, False])
def test_a_collector_that_is_away_holds_no_end_up(
    monkeypatch: pytest.MonkeyPatch, listens: bool
) -> None:
    """A process that is stopped waits a moment for its last spans, not for tries without end."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        if listens:
            nobody.listen()
        address = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", address)
        tracer = tracer_of("test")
        assert tracer is not None
        tracer.start("lost").end()
        began = time.monotonic()
        tracer.close()
        assert time.monotonic() - began < 2
