"""What a node counts: deaths of the workers that it keeps alive."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class NodeMetrics:
    """The series of one node; ``registry`` is what its reporter reads."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._deaths = Counter(
            "millrace_worker_deaths",
            "Workers that ended without being told to.",
            ["model"],
            registry=self.registry,
        )

    def died(self, model: str, times: int) -> None:
        """A worker of ``model`` died so often since this was asked last."""
        # Also none: from nothing to one, Prometheus sees no increase.
        self._deaths.labels(model).inc(times)
