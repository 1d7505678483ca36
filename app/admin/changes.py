"""Loading and unloading: what an admin wishes, kept in Redis, and followed until it is so.

A wish outlives this process and the whole stack: the keeper's placer and the nodes do the rest.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from app.admin.definition import Definition, model_of
from app.admin.orders import LoadOrder
from app.admin.refusals import Conflict
from app.admin.survey import Standing, Survey
from app.admin.waiting import wait_until
from app.client import Client
from app.placement.words import not_loading, unplaceable
from tasks.connection import now_ms
from tasks.fleet import Wish
from tasks.gateway import Gateway
from tasks.model import Model

# So long after a wish all that is told of the model is of after the wish: nodes report every
# second, and the placer reads them four times in one.
SETTLED_S = 2.0

# Once a process may be killed by anybody; it hardly is a second time.
DEATHS = 2


class Changes:
    """Thread-safe, as the gateway is."""

    def __init__(self, gateway: Gateway, survey: Survey, folders: Sequence[Path]) -> None:
        """``folders`` are those that added models' files may lie in."""
        self._gateway = gateway
        self._survey = survey
        self._folders = folders

    def load(self, order: LoadOrder) -> Standing:
        """Wish the model loaded, defined before where the order defines it.

        Raises ``UnknownModel``, ``BadRequest`` and ``Conflict``.
        """
        if isinstance(order.model, str):
            model = self._survey.catalog().find(order.model)
        else:
            model = self._define(order.model)
        self._wish(model, wanted=True)
        return self._survey.model(model)

    def await_loaded(self, standing: Standing, client: Client, wait_s: float) -> Standing:
        """The model once it serves, or as far as it has come in ``wait_s``.

        Raises ``ModelUnplaceable`` or ``ModelUnavailable`` with the reason why it does not.
        """
        model = standing.model

        def ended(now: Standing, waited_s: float) -> bool:
            if now.status.state == "failed":
                return _has_failed_anew(standing, now)
            refused = now.status.state == "unplaceable" and now.offered and waited_s >= SETTLED_S
            return now.serves or refused

        found = wait_until(ended, lambda: self._survey.model(model), client, wait_s)
        _raise_failure(found)
        return found

    def unload(self, model: Model, *, force: bool) -> Standing:
        """Wish the model unloaded; ``Conflict`` for one that no node can unload."""
        standing = self._survey.model(model)
        if standing.living and not any(report.fleet_node for report in standing.living):
            by = ", ".join(f"{report.node} (process {report.pid})" for report in standing.living)
            raise Conflict(
                f"The model {model.name!r} is served by {by}, which no node keeps: stop that"
                " process.",
                code="not_kept_by_a_node",
                param="model",
            )
        self._wish(model, wanted=False, force=force)
        return self._survey.model(model)

    def await_unloaded(self, standing: Standing, client: Client, wait_s: float) -> Standing:
        """The model once nothing of it is left, or as it stands after ``wait_s``.

        A job that came for it in between loads it again, and ends the wait.
        """

        def ended(now: Standing, _waited_s: float) -> bool:
            return now.unloaded or wanted_again(now)

        return wait_until(ended, lambda: self._survey.model(standing.model), client, wait_s)

    def _wish(self, model: Model, *, wanted: bool, force: bool = False) -> None:
        fleet = self._gateway.fleet
        at_ms = now_ms(fleet.redis)
        fleet.wish(model.name, Wish(wanted=wanted, why="admin", at_ms=at_ms, force=force))

    def _define(self, definition: Definition) -> Model:
        model = model_of(definition, folders=self._folders, created_at=int(time.time()))
        self._refuse_taken(model)
        before = self._gateway.fleet.definitions().get(model.name)
        if before is not None and before.queue != model.queue:
            self._refuse_abandoned(before)
        self._gateway.fleet.define(model)
        if not self._survey.catalog().has(model.name):
            # Another definition, or the file, took one of its names at the same moment.
            self._gateway.fleet.forget(model.name)
            raise _taken(model.name, "model.name")
        return model

    def _refuse_taken(self, model: Model) -> None:
        catalog = self._survey.catalog()
        if catalog.has(model.name) and self._gateway.is_of_file(model.name):
            raise Conflict(
                f"The catalog's file defines {model.name!r}, and the file wins: load it by its"
                " name alone, change it there, or choose another name.",
                code="defined_by_file",
                param="model.name",
            )
        for param, names in (("model.name", (model.name,)), ("model.aliases", model.aliases)):
            for name in names:
                if catalog.has(name) and catalog.find(name).name != model.name:
                    raise _taken(name, param)

    def _refuse_abandoned(self, before: Model) -> None:
        """Refuse to lead a name to another queue while the old one has jobs or workers."""
        depths = self._gateway.records.queue(before.queue)
        if depths.depth or depths.running or not self._survey.model(before).unloaded:
            raise Conflict(
                f"{before.name!r} is of kind {before.kind!r} and in use: unload and forget it"
                " first, or choose another name.",
                code="model_in_use",
                param="model.kind",
            )


def wanted_again(standing: Standing) -> bool:
    """Whether somebody has asked for a model since it was wished unloaded."""
    return standing.wish is not None and standing.wish.wanted


def _has_failed_anew(asked: Standing, now: Standing) -> bool:
    """Whether a model that has failed would fail again.

    A worker that says why has found that its model cannot be loaded. What failed before it was
    asked for may be repaired by now and is tried again, as is one whose process was merely killed.
    """
    asked_ms = asked.wish.at_ms if asked.wish else 0
    if any(each.state == "failed" and each.since_ms >= asked_ms for each in now.reports):
        return True
    before = {node: child.restarts for node, child in asked.children.items()}
    return any(
        child.state == "paused" and child.restarts - before.get(node, 0) >= DEATHS
        for node, child in now.children.items()
    )


def _taken(name: str, param: str) -> Conflict:
    return Conflict(
        f"Another model has the name or alias {name!r} already: choose another.",
        code="name_taken",
        param=param,
    )


def _raise_failure(standing: Standing) -> None:
    name, status = standing.model.name, standing.status
    if status.state == "failed":
        reason = status.reason or "its process ended without a word"
        raise not_loading(name, reason)
    if status.state == "unplaceable" and standing.offered:
        raise unplaceable(name, status.reason)
