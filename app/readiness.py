"""Whether the models that should be loaded now are: what ``/ready`` and ``/v1/models`` say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import msgspec

from tasks.fleet import NodeReport, Placement, Wish
from tasks.gateway import Gateway
from tasks.model import Model
from tasks.model_state import ModelState, ModelStatus, is_wanted
from tasks.model_state import state_of as status_of


@dataclass(frozen=True, slots=True)
class Readiness:
    """How a model stands, and whether it is due: wanted, and not waiting for room or for a node
    that could hold it.
    """

    status: ModelStatus
    is_due: bool

    @property
    def is_fine(self) -> bool:
        """Whether nothing is missing: a model that is due serves; of others nobody expects it."""
        return self.status.state == "ready" or not self.is_due


@dataclass(frozen=True, slots=True)
class _Plans:
    wishes: Mapping[str, Wish]
    placements: Mapping[str, Placement]
    nodes: Mapping[str, NodeReport]


def readiness(gateway: Gateway, models: Iterable[Model] | None = None) -> dict[str, Readiness]:
    """Of these models, or of all in the catalog, by name."""
    plans = _plans(gateway)
    chosen = gateway.catalog if models is None else models
    return {model.name: _readiness(gateway, model, plans) for model in chosen}


def state_of(gateway: Gateway, model: Model) -> tuple[ModelState, str | None]:
    """The state of one model, and its reason."""
    status = readiness(gateway, [model])[model.name].status
    return status.state, status.reason or None


def _plans(gateway: Gateway) -> _Plans:
    fleet = gateway.fleet
    return _Plans(fleet.wishes(), fleet.placements(), fleet.nodes())


def _readiness(gateway: Gateway, model: Model, plans: _Plans) -> Readiness:
    wish, placement = plans.wishes.get(model.name), plans.placements.get(model.name)
    reports = list(gateway.roster.workers(model.queue).values())
    status = status_of(model, placement, wish, reports, plans.nodes)
    has_place = placement is None or placement.state == "placed"
    is_due = is_wanted(model, wish) and has_place
    if is_due and status.state == "waiting":
        # Not for room: a node is alive, and nobody has placed the model yet.
        status = msgspec.structs.replace(status, state="missing")
    return Readiness(status, is_due)
