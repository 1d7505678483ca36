"""How the place stands at this moment: read from Redis for each scrape, by whoever answers it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import get_args

import redis
import structlog

from app.batches.book import Book
from app.batches.record import ENDED, Status
from app.metrics.families import Families
from app.metrics.kept import model_of
from app.readiness import readiness
from app.settings import ApiSettings
from tasks.cache_counts import read_counts
from tasks.claims import FINAL
from tasks.connection import Client, connect, now_ms
from tasks.fleet import NodeReport
from tasks.gateway import Gateway
from tasks.keys import Keys
from tasks.measures import Family
from tasks.roster import Report

log = structlog.get_logger(__name__)

# An answer that comes later is of no use to a scrape.
CACHE_TIMEOUT_S = 1.0
LINES = ("interactive", "background", "batch")
WORKER_STATES = ("loading", "ready", "draining", "failed")


class Standing:
    """Reads the numbers of now. Thread-safe."""

    def __init__(self, settings: ApiSettings, gateway: Gateway) -> None:
        self._settings = settings
        self._gateway = gateway
        self._keys = Keys(settings.key_prefix)
        self._book = Book(gateway.redis, settings)
        self._cache = connect(settings.cache_url, timeout_s=CACHE_TIMEOUT_S)

    def families(self) -> list[Family]:
        """All that can be read; raises ``redis.RedisError`` when the queue does not answer.

        A part with a row in it that another release wrote otherwise hides no other part.
        """
        told = Families()
        queues = self._queues()
        parts: tuple[Callable[[], None], ...] = (
            lambda: self._tell_lines(told, queues),
            lambda: self._tell_ends(told, queues),
            lambda: self._tell_workers(told, queues),
            lambda: self._tell_models(told),
            lambda: self._tell_nodes(told),
            lambda: self._tell_batches(told),
            lambda: self._tell_chores(told),
            lambda: self._tell_cache_counts(told),
        )
        for part in parts:
            try:
                part()
            except (ValueError, KeyError) as error:
                log.warning("a part of the metrics cannot be read", error=type(error).__name__)
        _tell_server(told, "queue", self._gateway.redis)
        _tell_server(told, "cache", self._cache)
        return told.built()

    def _queues(self) -> list[str]:
        asked = {name.decode() for name in self._gateway.redis.smembers(self._keys.queues)}
        return sorted(asked | {model.queue for model in self._gateway.catalog})

    def _tell_lines(self, told: Families, queues: Sequence[str]) -> None:
        redis_client, now = self._gateway.redis, now_ms(self._gateway.redis)
        for queue in queues:
            model, depths = model_of(queue), self._gateway.records.queue(queue)
            for line, waiting in zip(
                ("resumed", *LINES), (depths.resuming, *depths.waiting), strict=True
            ):
                told.gauge("num_requests_waiting", "Jobs in line.", waiting, model=model, line=line)
            told.gauge("num_requests_running", "Jobs in slots.", depths.running, model=model)
            told.gauge(
                "oldest_waiting_seconds",
                "How long the job at the head of a line has waited.",
                depths.oldest_s or 0.0,
                model=model,
            )
            told.gauge("tickets", "Celery's messages in the queue.", depths.tickets, model=model)
            lapsed = redis_client.zcount(self._keys.running(queue), "-inf", now)
            told.gauge("leases_lapsed", "Running jobs whose lease is over.", lapsed, model=model)

    def _tell_ends(self, told: Families, queues: Sequence[str]) -> None:
        counted = self._gateway.redis.hgetall(self._keys.paces)
        for queue in queues:
            for state in sorted(FINAL):
                number = int(counted.get(f"{state} {queue}".encode(), 0))
                model = model_of(queue)
                told.counter(
                    "jobs_ended", "Jobs that have ended, by how.", number, model=model, state=state
                )

    def _tell_workers(self, told: Families, queues: Sequence[str]) -> None:
        for queue in queues:
            reports = [
                report for report in self._gateway.roster.workers(queue).values() if not report.gone
            ]
            _tell_reports(told, model_of(queue), reports)

    def _tell_models(self, told: Families) -> None:
        for name, known in readiness(self._gateway).items():
            is_ready = known.status.state == "ready"
            told.gauge("model_ready", "1: the model is served.", is_ready, model=name)
            told.gauge(
                "model_missing",
                "1: it should be served now, and is not.",
                not known.is_fine,
                model=name,
            )

    def _tell_nodes(self, told: Families) -> None:
        for name, node in sorted(self._gateway.fleet.nodes().items()):
            _tell_node(told, name, node)

    def _tell_batches(self, told: Families) -> None:
        records = [found for found in self._book.many(self._book.open()) if found is not None]
        by_status = Counter(record.status for record in records)
        for status in get_args(Status):
            if status not in ENDED:
                told.gauge("batches", "Open batches.", by_status[status], status=status)
        lines = {
            "waiting": sum(each.total - each.completed - each.failed for each in records),
            "completed": sum(each.completed for each in records),
            "failed": sum(each.failed for each in records),
        }
        for state, number in lines.items():
            told.gauge("batch_lines", "Requests of open batches.", number, state=state)

    def _tell_chores(self, told: Families) -> None:
        keys, pipe = self._keys, self._gateway.redis.pipeline(transaction=False)
        for key in (keys.open, keys.listeners, keys.dead, keys.webhooks):
            pipe.zcard(key)
        open_, heard, dead, webhooks = pipe.execute()
        told.gauge("jobs_open", "Jobs without an end.", open_)
        told.gauge("jobs_listened_to", "Of them, those that somebody follows.", heard)
        told.gauge("dead_letters_kept", "Dead letters that can be looked at.", dead)
        told.gauge("webhooks_waiting", "Webhooks still to be called.", webhooks)
        told.gauge(
            "keeper_up", "1: a keeper is at work.", self._gateway.roster.keeper() is not None
        )

    def _tell_cache_counts(self, told: Families) -> None:
        text, stored = "Looking into the cache of answers, by what came of it.", "Answers kept."
        told.counter("cache_requests", text, None)
        told.counter("cache_stores", stored, None)
        for model, tally in read_counts(self._gateway.redis, self._settings).items():
            outcomes = {
                "hit": tally.hits,
                "miss": tally.misses,
                "coalesced": tally.coalesced,
                "bypass": tally.bypassed,
            }
            for outcome, number in outcomes.items():
                told.counter("cache_requests", text, number, model=model, outcome=outcome)
            told.counter("cache_stores", stored, tally.stores, model=model)


def _tell_reports(told: Families, model: str, reports: Sequence[Report]) -> None:
    states: Counter[str] = Counter(report.state for report in reports)
    for state in WORKER_STATES:
        told.gauge("workers", "Workers by state.", states[state], model=model, state=state)
    memory = sum(report.memory_bytes for report in reports)
    told.gauge("worker_memory_bytes", "Memory that workers hold.", memory, model=model)


def _tell_node(told: Families, name: str, node: NodeReport) -> None:
    told.gauge("node_up", "1: the node reports.", 1, node=name)
    told.gauge("node_memory_bytes", "Memory of the machine.", node.memory_bytes, node=name)
    told.gauge(
        "node_budget_bytes", "Memory that its models may take.", node.budget_bytes, node=name
    )
    held = sum(child.host_bytes for child in node.children.values())
    told.gauge("node_models_bytes", "Memory that its models hold.", held, node=name)
    for gpu in node.gpus:
        labels = {"node": name, "gpu": str(gpu.index)}
        told.gauge("gpu_memory_bytes", "Memory of a GPU.", gpu.memory_bytes, **labels)
        told.gauge("gpu_free_bytes", "Of it, what is free.", gpu.free_bytes, **labels)


def _tell_server(told: Families, role: str, client: Client) -> None:
    try:
        info = client.info("memory")
    except redis.RedisError:
        info = None
    told.gauge("redis_up", "1: the server answers.", info is not None, server=role)
    if info is not None:
        told.gauge("redis_used_bytes", "Memory in use.", info["used_memory"], server=role)
        told.gauge(
            "redis_limit_bytes", "Memory that it may use; 0: all.", info["maxmemory"], server=role
        )
