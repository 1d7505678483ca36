"""Whether any node of today could ever hold a model: with all made to leave that may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from app.placement.room import HOST, Bytes, budget, fits, held, less, needed, size, total
from app.placement.view import View
from tasks.fleet import Assignment, Seat
from tasks.model import Model
from tasks.model_state import is_wanted

# Of so many nodes the reason is told.
NAMED = 3

NO_NODE = "no node is at work"


@dataclass(frozen=True, slots=True)
class Prospect:
    """``somewhere``, ``nowhere`` for the ``reason``, or not told yet (``unsure``, ``no node``)."""

    outcome: Literal["somewhere", "nowhere", "unsure", "no node"]
    reason: str = ""


def prospect(view: View, model: Model) -> Prospect:
    """What can be said of the model on the nodes that are alive."""
    if not view.nodes:
        return Prospect("no node", NO_NODE)
    reasons, silent = [], []
    for node in sorted(view.nodes):
        reason = _why_not(view, node, model)
        if reason == "":
            return Prospect("somewhere")
        if reason is None:
            silent.append(node)
        else:
            reasons.append(f"{node}: {reason}")
    if silent:
        named = ", ".join(silent[:NAMED])
        return Prospect("unsure", f"{named} has not said yet whether it can serve the model")
    if view.restarting:
        named = ", ".join(view.restarting[:NAMED])
        return Prospect("unsure", f"{named} fell silent a moment ago, and may be restarting")
    more = len(reasons) - NAMED
    told = reasons[:NAMED] + ([f"and {more} more nodes cannot either"] if more > 0 else [])
    return Prospect("nowhere", "; ".join(told))


def pinned_there(view: View, node: str, but: str) -> Bytes:
    """What pinned models other than ``but`` take on a live node: it never becomes free."""
    given: Mapping[str, Assignment] = view.facts.assignments.get(node, {})
    return total(
        held(view, node, name, assignment)
        for name, assignment in given.items()
        if name != but and assignment.order == "serve" and _stays(view, name)
    )


def _stays(view: View, name: str) -> bool:
    model = view.models.get(name)
    return bool(model and model.pinned and is_wanted(model, view.facts.wishes.get(name)))


def _why_not(view: View, node: str, model: Model) -> str | None:
    """Why the node cannot hold the model; empty when it can, None when it has not said."""
    offer = view.offer(node, model)
    if offer is None:
        return None
    if not offer.seats:
        return offer.reason or "it does not say why it cannot serve the model"
    pinned = pinned_there(view, node, model.name)
    allowed = budget(view.report(node))
    if any(fits(needed(seat), less(allowed, pinned)) for seat in offer.seats):
        return ""
    return _too_large(offer.seats[0], allowed, pinned)


def _too_large(seat: Seat, allowed: Bytes, pinned: Bytes) -> str:
    left = less(allowed, pinned)
    place, need = next(
        (place, need) for place, need in needed(seat).items() if need > left.get(place, 0)
    )
    where = "of memory" if place == HOST else f"on {place}"
    budget_there = size(allowed.get(place, 0))
    reason = f"it needs {size(need)} {where}, and models may have {budget_there}"
    if taken := pinned.get(place, 0):
        reason += f", {size(taken)} of it for pinned ones"
    return reason
