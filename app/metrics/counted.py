"""What an API process counts: requests, and answers as their clients see them."""

from __future__ import annotations

import re
import threading
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from app.metrics.watch import Watch

# A fast model's first token takes milliseconds, one that waits in line minutes.
WAIT_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
HTTP_S = (0.005, 0.025, 0.1, 0.5, 2.5, 10.0, 60.0)

_CODE = re.compile(r"[a-z][a-z0-9_]{0,47}")
# More codes than there are: whatever else comes to stand there is counted together.
MOST_CODES = 100
OTHER = "other"


class ApiMetrics:
    """The series of one process; ``registry`` is what its reporter reads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._codes: set[str] = set()
        self._lock = threading.Lock()
        by_model, by_route = ["model"], ["route"]
        self.requests = Counter(
            "millrace_http_requests",
            "Requests by HTTP, by the route that answered and its status.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.request_s = Histogram(
            "millrace_http_request_duration_seconds",
            "From a request's beginning to the end of its answer, streams included.",
            by_route,
            buckets=HTTP_S,
            registry=self.registry,
        )
        self.open = Gauge(
            "millrace_http_requests_in_flight", "Requests under way.", registry=self.registry
        )
        self._errors = Counter(
            "millrace_http_errors",
            "Answers that are an error, by its code.",
            ["code"],
            registry=self.registry,
        )
        self.first_token_s = Histogram(
            "millrace_time_to_first_token_seconds",
            "From a request to the first token of its answer, in the API.",
            by_model,
            buckets=WAIT_S,
            registry=self.registry,
        )
        self.whole_s = Histogram(
            "millrace_e2e_request_latency_seconds",
            "From a request to the last event of its answer, in the API; answers that were"
            " computed.",
            by_model,
            buckets=WAIT_S,
            registry=self.registry,
        )
        self.answers = Counter(
            "millrace_answers",
            "Answers that somebody waited for, by how the waiting ended.",
            ["model", "end"],
            registry=self.registry,
        )
        self.resumes = Counter(
            "millrace_stream_resumes",
            "Streams that were taken up again.",
            by_model,
            registry=self.registry,
        )

    def watch(self, model: str, began_s: float | None = None) -> Watch:
        """Follow an answer of ``model`` that was asked for at ``began_s`` (``time.monotonic``)."""
        # It begins at 0: out of nothing, Prometheus sees no rise.
        self.resumes.labels(model)
        return Watch(self, model, time.monotonic() if began_s is None else began_s)

    def rewatch(self, model: str, *, resumed: bool) -> Watch:
        """Follow an answer that was asked for earlier: only its end is counted."""
        if resumed:
            self.resumes.labels(model).inc()
        return Watch(self, model, None)

    def error(self, code: str) -> None:
        """A request was answered with an error of this code."""
        with self._lock:
            known = code in self._codes
            if not known and _CODE.fullmatch(code) and len(self._codes) < MOST_CODES:
                self._codes.add(code)
                known = True
        self._errors.labels(code if known else OTHER).inc()
