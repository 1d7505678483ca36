"""The whole place in Prometheus' text: what everybody counted, and how everything stands."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import redis
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from app.metrics.counted import ApiMetrics
from app.metrics.standing import Standing
from app.settings import ApiSettings
from tasks.gateway import Gateway
from tasks.measures import Family, Measures, Sample, added_up
from tasks.measuring import Reporter

# Shares of a whole, made of what adds up over processes: the part, and the whole.
RATIOS = {
    "millrace_kv_cache_usage_ratio": (
        "Share of the slots' memories that running answers hold.",
        "millrace_kv_cache_tokens",
        "millrace_kv_cache_capacity_tokens",
    ),
}
UP = ("millrace_queue_up", "1: the queue's Redis answers, and with it all other numbers.")


class Place:
    """One per API process. Thread-safe."""

    def __init__(self, settings: ApiSettings, gateway: Gateway, metrics: ApiMetrics) -> None:
        self.reporter = Reporter(gateway.redis, settings, metrics.registry, "api")
        self._measures = Measures(gateway.redis, settings)
        self._standing = Standing(settings, gateway)

    def text(self) -> bytes:
        """All families, each with its help; without Redis only that it does not answer.

        Totals without the others' shares would be less than those of a moment ago, and be taken
        for counters that began anew.
        """
        try:
            # This process, too, is told as Redis has it: another one's scrape must not show less.
            self.reporter.put()
            families = [*self._measures.families(), *self._standing.families()]
            up = 1.0
        except redis.RedisError:
            families, up = [], 0.0
        name, text = UP
        said = Family(name, "gauge", text, (Sample(name, (), up),))
        return _written([*added_up([*families, *ratios_of(families)]), said])

    def targets(self) -> list[dict[str, object]]:
        """Where processes serve their own numbers, as Prometheus' HTTP discovery reads it."""
        speaking = [put.snapshot for put in self._measures.puts() if put.speaks]
        return [
            {"targets": [each.address], "labels": {"part": each.part}}
            for each in speaking
            if each.address
        ]


def ratios_of(families: Sequence[Family]) -> list[Family]:
    """The shares that these families add up to."""
    values = {
        (sample.name, sample.labels): sample.value
        for family in families
        for sample in family.samples
    }
    found = []
    for name, (text, part, whole) in RATIOS.items():
        samples = [
            Sample(name, labels, values.get((part, labels), 0.0) / value)
            for (of, labels), value in values.items()
            if of == whole and value
        ]
        if samples:
            found.append(Family(name, "gauge", text, tuple(samples)))
    return found


class _Told(Collector):
    def __init__(self, families: Sequence[Family]) -> None:
        self._families = families

    def collect(self) -> Iterator[Metric]:
        for family in self._families:
            metric = Metric(family.name, family.help, family.kind)
            for sample in family.samples:
                metric.add_sample(sample.name, dict(sample.labels), sample.value)
            yield metric


def _written(families: Sequence[Family]) -> bytes:
    registry = CollectorRegistry()
    registry.register(_Told(families))
    return generate_latest(registry)
