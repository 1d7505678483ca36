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
        self._troubled = False

    def __call__(self) -> Sight | None:
        """What there is to see now."""
        try:
            found = self._sight()
            self._troubled = False
            return found
        except redis.RedisError as error:
            self._note(type(error).__name__)
        except Exception as error:  # noqa: BLE001 - watchers must learn that nothing comes
            self._note(repr(error))
        return None

    def _note(self, error: str) -> None:
        # Once a trouble, not once a second.
        if not self._troubled:
            self._troubled = True
            log.error("the live view cannot read", error=error)

    def _sight(self) -> Sight:
        gateway = self._gateway
        per_s = self._per_s()
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

    def _per_s(self) -> dict[str, float]:
        """Rates by model; none where the counters cannot be read, as after another release's."""
        try:
            return self._pace.feed(time.monotonic(), self._totals())
        except (ValueError, TypeError) as error:
            if not self._troubled:
                log.warning("the live view cannot count", error=repr(error))
            return {}
