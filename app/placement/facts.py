"""Reads the picture of one moment: one transaction, so that its parts agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec

from app.placement.picture import Facts, Memory, Queue
from tasks import scripts
from tasks.connection import Client
from tasks.fleet import Assignment, NodeReport, Placement, Wish
from tasks.keys import Keys
from tasks.model import Model
from tasks.roster import Report
from tasks.settings import QueueSettings

T = TypeVar("T")
Rows = dict[bytes, bytes]


class FactsReader:
    """Reads through one client."""

    def __init__(self, client: Client, settings: QueueSettings, turn_s: float) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)
        self._turn_s = turn_s
        self._depths = scripts.load(client, "depths")

    def read(self, models: tuple[Model, ...], memory: Memory) -> Facts:
        """How things stand with these models and all nodes."""
        answers = iter(self._answers(models))
        seconds, microseconds = next(answers)
        now_ms = int(seconds) * 1000 + int(microseconds) // 1000
        nodes = _decoded(next(answers), NodeReport)
        return Facts(
            now_ms=now_ms,
            turn_s=self._turn_s,
            models=models,
            nodes={
                name: report
                for name, report in nodes.items()
                if report.expires_ms > now_ms and not report.gone
            },
            assignments=_decoded(next(answers), dict[str, Assignment]),
            wishes=_decoded(next(answers), Wish),
            placements=_decoded(next(answers), Placement),
            workers={model.name: _living(next(answers), now_ms) for model in models},
            queues={model.name: _queue(next(answers)) for model in models},
            memory=memory,
        )

    def _answers(self, models: tuple[Model, ...]) -> list[Any]:
        keys = self._keys
        with self._redis.pipeline(transaction=True) as pipe:
            pipe.time()
            for key in (keys.nodes, keys.assignments, keys.wishes, keys.placements):
                pipe.hgetall(key)
            for model in models:
                pipe.hgetall(keys.workers(model.queue))
            for queue in (model.queue for model in models):
                read = [keys.waiting(queue), keys.running(queue), queue, keys.paces, keys.job("")]
                self._depths(read, [queue], client=pipe)
            answers: list[Any] = pipe.execute()
            return answers


def _decoded(rows: Rows, kind: type[T]) -> dict[str, T]:
    return {name.decode(): msgspec.json.decode(row, type=kind) for name, row in rows.items()}


def _living(rows: Rows, now_ms: int) -> tuple[Report, ...]:
    """The reports that hold; that of a model that did not load outlives its process."""
    return tuple(
        report
        for report in _reports(rows)
        if report.expires_ms > now_ms and (report.state == "failed" or not report.gone)
    )


def _reports(rows: Rows) -> Iterator[Report]:
    for row in rows.values():
        yield msgspec.json.decode(row, type=Report)


def _queue(depths: list[Any]) -> Queue:
    resuming, first, second, third, running, _tickets, oldest_ms = map(int, depths[:7])
    return Queue(resuming + first + second + third, running, max(oldest_ms, 0) / 1000)
