"""The plan: what is to be done about the models, of one picture of the fleet. Pure.

Wishes first: what jobs wait for is wanted, what was idle for its time is not. Then what stays where
it is and what leaves, then who gets the room. The same picture has the same plan, and once it is
carried out there is nothing more to do.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from app.placement.draft import Draft
from app.placement.keeping import keep
from app.placement.picture import Facts, Plan, Refusal
from app.placement.placing import place_all
from app.placement.view import View
from app.placement.wanting import wish_anew
from app.placement.words import not_loading, unplaceable, without_folders
from tasks.errors import ModelUnavailable
from tasks.fleet import Placement
from tasks.model import Model


def plan(facts: Facts) -> Plan:
    """What is to be done."""
    draft = Draft(View(facts))
    wish_anew(draft)
    keep(draft)
    place_all(draft)
    placements = {model.name: _placement(draft, model) for model in facts.models}
    return Plan(
        wishes=draft.changes(),
        assignments=draft.assignments,
        placements=placements,
        refusals=tuple(_refusals(draft, placements)),
        memory=replace(draft.view.memory, failures=draft.failures),
    )


def _placement(draft: Draft, model: Model) -> Placement:
    before = draft.view.facts.placements.get(model.name, Placement("unloaded"))
    loads = before.loads + draft.started[model.name]
    nodes = tuple(draft.serving(model.name))
    if nodes or draft.view.serves_itself(model.name):
        return Placement("placed", nodes, loads=loads)
    prospect = draft.prospects[model.name]
    if prospect.outcome == "nowhere":
        return Placement("unplaceable", reason=prospect.reason, loads=loads)
    if not draft.is_wanted(model.name):
        return Placement("unloaded", loads=loads)
    if prospect.outcome != "somewhere":
        # On no node yet, and no room is what it waits for: it should be there and is not.
        return Placement("placed", reason=prospect.reason, loads=loads)
    reason = draft.reasons.get(model.name, "")
    state: Literal["waiting", "unloaded"] = "waiting" if model.name in draft.waiting else "unloaded"
    return Placement(state, reason=reason, loads=loads)


def _refusals(draft: Draft, placements: dict[str, Placement]) -> list[Refusal]:
    """For the queues in which jobs wait that nobody can serve."""
    refusals = []
    told: ModelUnavailable
    for name, model in draft.view.models.items():
        if not draft.view.queue(name).waiting:
            continue
        if placements[name].state == "unplaceable":
            told = unplaceable(name, without_folders(placements[name].reason))
        elif name in draft.broken or (name in draft.failures and not draft.serving(name)):
            told = not_loading(name, without_folders(draft.failures[name].reason))
        else:
            continue
        refusals.append(Refusal(model.queue, told))
    return refusals
