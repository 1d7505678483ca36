"""A model's worker as Prometheus sees it: read from what its parts count, when somebody asks.

Nothing here runs while a token is computed. Every series has one label at least, the model: a
worker has one, so that their number is bounded by the catalog.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from tasks.claims import Claim
from worker.distribution import Distribution
from worker.embedding.meter import EmbedMeter
from worker.engine.meter import Meter
from worker.engine.view import SlotView

if TYPE_CHECKING:
    from worker.process import ModelProcess

QUEUE_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0)
LOAD_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)


class WorkerMetrics(Collector):
    """What one worker process has counted; ``registry`` is read by its reporter."""

    def __init__(self, process: ModelProcess) -> None:
        self.registry = CollectorRegistry()
        self.load_s = Distribution(LOAD_S)
        self._process = process
        self._model = process.model.name
        self._queue_s = Distribution(QUEUE_S)
        self._attempts = {"first": 0, "again": 0}
        self._loads = {"ready": 0, "failed": 0}
        self.registry.register(self)

    def claimed(self, claim: Claim) -> None:
        """An attempt begins. Only a first one tells how long its job had to wait in line."""
        self._attempts["first" if claim.attempt == 1 else "again"] += 1
        if claim.attempt == 1:
            self._queue_s.add(claim.waited_ms / 1000)

    def loaded(self, took_s: float, *, ready: bool) -> None:
        """The model was loaded in so long, or was not."""
        self._loads["ready" if ready else "failed"] += 1
        if ready:
            self.load_s.add(took_s)

    def collect(self) -> Iterator[Metric]:
        """Everything, as it stands."""
        yield self._counters(
            "job_attempts", "Attempts at jobs: first ones, and continuations.", self._attempts
        )
        yield self._spread("request_queue_time_seconds", "Waiting until claimed.", self._queue_s)
        yield self._counters("model_loads", "Times the model was loaded.", self._loads, "outcome")
        yield self._spread("model_load_seconds", "Loading the model.", self.load_s)
        leases, publisher = self._process.leases, self._process.publisher
        yield self._counter("leases_lost", "Leases that another worker took.", leases.lost)
        yield self._counter(
            "log_write_retries", "Writes of events that Redis did not take.", publisher.retries
        )
        if (engine := getattr(self._process, "engine", None)) is not None:
            yield from self._of_engine(engine.meter)
            if hasattr(engine, "runtime"):
                yield from self._of_slots(engine.slots(), engine.runtime.context)
        if (intake := getattr(self._process, "intake", None)) is not None:
            yield from self._of_embeddings(intake.meter)

    def _of_engine(self, meter: Meter) -> Iterator[Metric]:
        yield self._counter("prompt_tokens", "Tokens of prompts.", meter.prompt_tokens)
        yield self._counter("generation_tokens", "Tokens generated.", meter.generated)
        yield self._counter(
            "prefix_cache_queries", "Tokens looked for in the slots' memories.", meter.looked_for
        )
        yield self._counter(
            "prefix_cache_hits", "Tokens found there, which need no computing.", meter.found
        )
        yield self._counters(
            "request_success", "Answers by how they ended.", meter.answers, "finished_reason"
        )
        yield self._counter("draft_tokens", "Tokens guessed ahead.", meter.guessed)
        yield self._counter(
            "draft_tokens_accepted", "Guessed tokens that held.", meter.guesses_held
        )
        yield self._counter("failed_steps", "Batches that failed.", meter.failed_steps)
        yield self._spread("busy_slots_per_decode", "Slots in one step's batch.", meter.busy)
        yield self._spread("decode_step_seconds", "Computing one batch.", meter.step_s)
        yield self._spread(
            "inter_token_latency_seconds", "Between two tokens of an answer.", meter.gap_s
        )
        yield self._spread(
            "request_prefill_time_seconds", "From slot to first token.", meter.prefill_s
        )
        yield self._spread(
            "request_decode_time_seconds", "From first token to last.", meter.decode_s
        )

    def _of_slots(self, slots: list[SlotView], context: int) -> Iterator[Metric]:
        busy = [slot for slot in slots if slot.request is not None]
        held = sum(slot.held for slot in busy)
        room = len(slots) * context
        yield self._gauge("slots", "Answers that can be computed at once.", len(slots))
        yield self._gauge("slots_busy", "Slots with an answer in them.", len(busy))
        yield self._gauge("kv_cache_tokens", "Tokens that running answers hold.", held)
        yield self._gauge("kv_cache_capacity_tokens", "Tokens that all slots can hold.", room)
        yield self._gauge("kv_cache_usage_ratio", "The share of it.", held / room if room else 0)

    def _of_embeddings(self, meter: EmbedMeter) -> Iterator[Metric]:
        yield self._counter("prompt_tokens", "Tokens of prompts.", int(meter.tokens.sum))
        yield self._counters(
            "request_success",
            "Answers by how they ended.",
            {"stop": meter.answers},
            "finished_reason",
        )
        yield self._spread("embed_batch_inputs", "Inputs in one batch.", meter.inputs)
        yield self._spread("embed_batch_tokens", "Tokens in one batch.", meter.tokens)
        yield self._spread("embed_inference_seconds", "Computing one batch.", meter.inference_s)
        yield self._spread(
            "embed_tokenization_seconds", "Texts of one request to tokens.", meter.tokenization_s
        )
        yield self._counter("failed_steps", "Batches that failed.", meter.failed_batches)

    def _counter(self, name: str, text: str, value: float) -> Metric:
        family = CounterMetricFamily(f"millrace_{name}", text, labels=["model"])
        family.add_metric([self._model], value)
        return family

    def _counters(
        self, name: str, text: str, values: Mapping[str, int], label: str = "attempt"
    ) -> Metric:
        family = CounterMetricFamily(f"millrace_{name}", text, labels=["model", label])
        for value in sorted(values):
            family.add_metric([self._model, value], values[value])
        return family

    def _gauge(self, name: str, text: str, value: float) -> Metric:
        family = GaugeMetricFamily(f"millrace_{name}", text, labels=["model"])
        family.add_metric([self._model], value)
        return family

    def _spread(self, name: str, text: str, spread: Distribution) -> Metric:
        family = HistogramMetricFamily(f"millrace_{name}", text, labels=["model"])
        family.add_metric([self._model], buckets=spread.cumulated(), sum_value=spread.sum)
        return family
