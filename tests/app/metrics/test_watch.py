"""What is counted of an answer: its first token, its end, and that it ended once."""

from __future__ import annotations

import time

import pytest

from app.metrics.counted import ApiMetrics
from tasks.events import Done, Event, Failed, Finished, Started, Token, Usage

ANSWER: list[Event] = [
    Started(3, queued_ms=120),
    Token(0, (1,), "one"),
    Token(0, (2,), " two"),
    Finished(0, "stop", 2),
    Done(Usage(3, 2)),
]


@pytest.fixture
def counted() -> ApiMetrics:
    """A process that has counted nothing."""
    return ApiMetrics()


def value(counted: ApiMetrics, name: str, **labels: str) -> float:
    """A sample; 0 where there is none."""
    return counted.registry.get_sample_value(f"millrace_{name}", {"model": "m"} | labels) or 0.0


def test_an_answer_is_timed_from_its_request(counted: ApiMetrics) -> None:
    """To its first token and to its end, each once."""
    watch = counted.watch("m", time.monotonic() - 3)
    for event in ANSWER:
        watch.heard(event)
    for name in ("time_to_first_token_seconds", "e2e_request_latency_seconds"):
        assert value(counted, f"{name}_count") == 1
        assert 3 <= value(counted, f"{name}_sum") < 4
    assert watch.queued_ms == 120


def test_the_first_end_is_the_end(counted: ApiMetrics) -> None:
    """Whoever closes a stream afterwards has not left it."""
    watch = counted.watch("m")
    for event in ANSWER:
        watch.heard(event)
    watch.left("client_left")
    assert value(counted, "answers_total", end="done") == 1
    assert value(counted, "answers_total", end="client_left") == 0


def test_a_failure_has_no_latency(counted: ApiMetrics) -> None:
    """It is counted as one, and says nothing of how fast answers are."""
    watch = counted.watch("m")
    watch.heard(Failed("model_error", "no"))
    assert value(counted, "answers_total", end="failed") == 1
    assert value(counted, "e2e_request_latency_seconds_count") == 0


def test_a_stream_that_is_taken_up_again_is_not_timed(counted: ApiMetrics) -> None:
    """Its request was long ago; that it was resumed is counted."""
    watch = counted.rewatch("m", resumed=True)
    for event in ANSWER:
        watch.heard(event)
    assert value(counted, "stream_resumes_total") == 1
    assert value(counted, "answers_total", end="done") == 1
    assert value(counted, "time_to_first_token_seconds_count") == 0


def test_codes_have_a_bound(counted: ApiMetrics) -> None:
    """What is no code of ours, or one too many, is counted as other."""
    counted.error("queue_full")
    for number in range(300):
        counted.error(f"code_{number}")
    counted.error("What a client wrote!")
    counted.error("queue_full")
    samples = [
        sample
        for family in counted.registry.collect()
        if family.name == "millrace_http_errors"
        for sample in family.samples
        if sample.name.endswith("_total")
    ]
    by_code = {sample.labels["code"]: sample.value for sample in samples}
    assert len(by_code) <= 101
    assert by_code["queue_full"] == 2
    assert by_code["other"] >= 200
