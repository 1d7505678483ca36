"""What everything around a model takes, seen with a model that takes nothing."""

from __future__ import annotations

from benchmarks import over_http, prompts
from benchmarks.measurement import Contender, Measurement, Metric
from benchmarks.over_http import CROWD_CLIENTS, REQUESTS
from benchmarks.programs import program


def latency() -> Measurement:
    """API, queue and Redis, beside a Celery task that does nothing."""
    return Measurement(
        "latency",
        "Latency of API, queue and Redis",
        f"The echo model, which computes nothing, answers `{prompts.ECHO_TEXT}` in three tokens; "
        f"{REQUESTS} requests one after the other on one connection, then {CROWD_CLIENTS} clients "
        "at once. The time is until the answer is complete. Bare Celery: the same Redis, a "
        "threads pool, JSON, late acks, a task that does nothing but answer with a push to a list.",
        (
            Metric("p50_ms", "median, ms", 1),
            Metric("p99_ms", "p99, ms", 1),
            Metric("crowd_per_s", f"per second, {CROWD_CLIENTS} at once"),
        ),
        (
            Contender("bare Celery, round trip", program("bare_celery")),
            Contender("chat, whole answer", over_http.echo(stream=False)),
            Contender("chat, streamed", over_http.echo(stream=True)),
        ),
    )
