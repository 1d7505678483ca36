"""What there is to see at one moment, read from Redis."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import redis
import structlog

from app.admin.survey import Standing, Survey
from app.live.pace import Pace
from tasks.fleet import Assignment, NodeReport
from tasks.gateway import Gateway
from tasks.records import QueueDepths

log = structlog.get_logger(__name__)

Totals = Callable[[], Mapping[str, float]]
"""The tokens that each model has generated so far, by its name."""


@dataclass(frozen=True, slots=True)
class ModelSight:
    """A model, the queue that leads to it, and how many tokens it generates a second."""

    standing: Standing
    depths: QueueDepths
    tokens_per_s: float


@dataclass(frozen=True, slots=True)
class Sight:
    """All models in the catalog's order, all nodes, and whether a keeper is at work."""

    models: tuple[ModelSight, ...]
    nodes: Mapping[str, NodeReport]
    silent: frozenset[str]
    assignments: Mapping[str, Mapping[str, Assignment]]
    keeper: bool


class Look:
    """Reads a ``Sight``; None while Redis does not answer. Used by one thread."""

    def __init__(self, gateway: Gateway, totals: Totals) -> None:
        self._gateway = gateway
        self._survey = Survey(gateway)
        self._totals = totals
        self._pace = Pace()

    def __call__(self) -> Sight | None:
        """What there is to see now."""
        try:
            return self._sight()
        except redis.RedisError as error:
            log.warning("the live view cannot read", error=type(error).__name__)
        except Exception as error:
            log.exception("the live view cannot read", exc_info=error)
        return None

    def _sight(self) -> Sight:
        gateway = self._gateway
        per_s = self._pace.feed(time.monotonic(), self._totals())
        alive, known = gateway.fleet.nodes(), gateway.fleet.all_nodes()
        return Sight(
            models=tuple(
                ModelSight(
                    standing,
                    gateway.records.queue(standing.model.queue),
                    per_s.get(standing.model.name, 0.0),
                )
                for standing in self._survey.models()
            ),
            nodes=known | alive,
            silent=frozenset(known.keys() - alive.keys()),
            assignments=gateway.fleet.all_assignments(),
            keeper=gateway.roster.keeper() is not None,
        )
