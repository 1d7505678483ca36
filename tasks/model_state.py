"""How a model stands, in one word, a reason and a share: the same for the API and the console.

It is told by what its workers and its nodes report first, because that is so; by what was planned
for it only where nothing reports.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import msgspec

from tasks.fleet import Child, NodeReport, Placement, Why, Wish
from tasks.model import Model
from tasks.roster import Report

ModelState = Literal[
    "ready", "loading", "draining", "failed", "waiting", "unplaceable", "unloaded", "missing"
]

UNLOADED: dict[Why, str] = {
    "start": "",
    "admin": "an admin unloaded it",
    "request": "",
    "idle": "it was idle for its ttl_s",
    "evicted": "it made room for another model",
    "turn": "it gave its place to a model whose turn it was",
}


class ModelStatus(msgspec.Struct, frozen=True):
    """A model's state and the reason for it, if there is one to give.

    ``progress`` of the loading is 0 to 1, and 1 once it is loaded. ``since_ms`` is when it came
    into the state, on Redis's clock; 0 where nobody says.
    """

    state: ModelState
    reason: str = ""
    progress: float = 0.0
    since_ms: int = 0


def is_wanted(model: Model, wish: Wish | None) -> bool:
    """Whether the model should be loaded; without a wish its definition says it."""
    return model.preload if wish is None else wish.wanted


def state_of(
    model: Model,
    placement: Placement | None,
    wish: Wish | None,
    reports: Sequence[Report],
    nodes: Mapping[str, NodeReport],
) -> ModelStatus:
    """How the model stands: as well as its best worker, else as far as its placing has come.

    ``reports`` are those of its queue's live workers (``Roster.workers``), ``nodes`` all that are
    alive (``Fleet.nodes``).
    """
    children = [node.children[model.name] for node in nodes.values() if model.name in node.children]
    wanted = is_wanted(model, wish)
    failed = _failed(model, wish, reports, children) if wanted else _failed_alone(reports)
    loaded = _loaded(reports, children)
    if loaded and loaded.state == "loading" and failed and failed.reason:
        return msgspec.structs.replace(loaded, reason=f"it failed before: {failed.reason}")
    return loaded or failed or _planned(model, placement, wish, nodes)


def _loaded(reports: Sequence[Report], children: Sequence[Child]) -> ModelStatus | None:
    """Ready, loading or draining, whichever is best of what lives."""
    living = [report for report in reports if not report.gone]
    if ready := [report for report in living if report.state == "ready"]:
        return ModelStatus("ready", "", 1.0, min(report.since_ms for report in ready))
    loading = [report for report in living if report.state == "loading"]
    if loading:
        best = max(loading, key=lambda report: report.progress)
        return ModelStatus("loading", "", best.progress, best.since_ms)
    if starting := [child for child in children if child.state == "starting"]:
        return ModelStatus("loading", "", 0.0, starting[0].since_ms)
    if draining := [report for report in living if report.state == "draining"]:
        return ModelStatus("draining", "", 1.0, draining[0].since_ms)
    if stopping := [child for child in children if child.state == "stopping"]:
        return ModelStatus("draining", "", 1.0, stopping[0].since_ms)
    return None


def _failed(
    model: Model, wish: Wish | None, reports: Sequence[Report], children: Sequence[Child]
) -> ModelStatus | None:
    """Failed, in the words of the worker, or else of the node that saw it die.

    The report of a worker that has ended stays for seconds. It says nothing of a definition that
    was changed since, nor of what was wished since.
    """
    asked_ms = wish.at_ms if wish else 0
    paused = [child for child in children if child.state == "paused"]
    told = [
        report
        for report in reports
        if report.state == "failed"
        and (not report.fleet_node or report.fingerprint in ("", model.fingerprint))
        and (not report.fleet_node or paused or report.since_ms >= asked_ms)
    ]
    if not told and not paused:
        return None
    reasons = [report.reason for report in told] + [child.reason for child in paused]
    since_ms = max([report.since_ms for report in told] + [child.since_ms for child in paused])
    return ModelStatus("failed", next(filter(None, reasons), "") or "", 0.0, since_ms)


def _failed_alone(reports: Sequence[Report]) -> ModelStatus | None:
    """Failed, of a worker that no node keeps: it was started whatever is wished."""
    for report in reports:
        if report.state == "failed" and not report.fleet_node:
            return ModelStatus("failed", report.reason or "", 0.0, report.since_ms)
    return None


def _planned(
    model: Model, placement: Placement | None, wish: Wish | None, nodes: Mapping[str, NodeReport]
) -> ModelStatus:
    if placement is not None and placement.state == "unplaceable":
        return ModelStatus("unplaceable", placement.reason)
    at_ms = wish.at_ms if wish else 0
    if not is_wanted(model, wish):
        return ModelStatus("unloaded", UNLOADED[wish.why] if wish else "", 0.0, at_ms)
    if placement is not None and placement.state == "placed" and placement.nodes:
        return _assigned(placement, nodes, at_ms)
    if placement is not None and placement.state in ("waiting", "unloaded") and placement.reason:
        return ModelStatus(placement.state, placement.reason, 0.0, at_ms)
    if nodes:
        told = placement.reason if placement is not None else ""
        return ModelStatus("waiting", told or "it is not placed yet", 0.0, at_ms)
    return ModelStatus("missing", "no node is alive, and no worker serves it", 0.0, at_ms)


def _assigned(placement: Placement, nodes: Mapping[str, NodeReport], at_ms: int) -> ModelStatus:
    if any(name in nodes for name in placement.nodes):
        return ModelStatus("loading", "", 0.0, at_ms)
    named = ", ".join(placement.nodes)
    return ModelStatus("missing", f"{named}, where it was placed, does not report", 0.0, at_ms)
