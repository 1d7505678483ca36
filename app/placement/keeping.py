"""What stays where it is, and what has to leave.

An assignment that is to end stays as an order until the node's report has no such child any more.
Those of a node that is silent for long stay as they are: with it, what it served comes back.
"""

from __future__ import annotations

from app.placement.draft import Draft
from app.placement.room import Bytes, budget, fits, held, less, needed, total
from tasks.fleet import Assignment


def keep(draft: Draft) -> None:
    """Let stay what is wanted, offered and not too much; order the rest to leave."""
    for node in draft.assignments:
        for name in list(draft.assignments[node]):
            _keep_or_end(draft, node, name)
    for name, model in draft.view.models.items():
        for node in _surplus(draft, name, model.replicas):
            _end(draft, node, name)
    for node in draft.view.nodes:
        for name in _too_much(draft, node):
            _end(draft, node, name)


def _keep_or_end(draft: Draft, node: str, name: str) -> None:
    assignment = draft.assignments[node][name]
    stays = assignment.order == "serve" and draft.is_wanted(name)
    if not (stays and (node not in draft.view.nodes or _is_offered(draft, node, name))):
        _end(draft, node, name)


def _is_offered(draft: Draft, node: str, name: str) -> bool:
    """Whether the node can serve the model on the device that it was given.

    What it does already it can, whatever became of the model's file.
    """
    view, device = draft.view, draft.assignments[node][name].device
    offer = view.offer(node, view.models[name])
    if offer is None or any(seat.device == device for seat in offer.seats):
        return True
    child = view.report(node).children.get(name)
    return (
        child is not None
        and (child.state, child.device) == ("running", device)
        and child.fingerprint == view.fingerprint(name)
    )


def _end(draft: Draft, node: str, name: str) -> None:
    given = draft.assignments[node]
    view = draft.view
    if not (view.holds(node, name) if node in view.nodes else view.counts(node)):
        del given[name]
        return
    wish = draft.wish(name)
    is_forced = wish is not None and wish.force and not draft.is_wanted(name)
    is_forced = is_forced or given[name].order == "stop"
    given[name] = Assignment(given[name].device, "stop" if is_forced else "drain")


def _surplus(draft: Draft, name: str, replicas: int) -> list[str]:
    """The nodes that serve the model beyond its number: idle ones first, then the youngest."""
    nodes = draft.serving(name)
    if len(nodes) <= replicas:
        return []

    def rank(node: str) -> tuple[bool, int]:
        is_busy = any(report.busy for report in draft.view.reports(name, node))
        since_ms = draft.view.ready_since(name, node)
        return is_busy, -(draft.view.now_ms if since_ms is None else since_ms)

    return sorted(nodes, key=rank)[: len(nodes) - replicas]


def _too_much(draft: Draft, node: str) -> list[str]:
    """What a live node can no longer begin within its budget.

    It came back with a smaller one, or a model's new definition needs more than the old.
    """
    view, given = draft.view, draft.assignments.get(node, {})
    children = view.report(node).children
    allowed = budget(view.report(node))
    taken: Bytes = total(needed(child) for child in children.values())
    ended = []
    for name in _pinned_first(draft, node):
        child = children.get(name)
        if child is not None and child.fingerprint == view.fingerprint(name):
            continue
        extra = less(held(view, node, name, given[name]), needed(child) if child else {})
        if fits(extra, less(allowed, taken)):
            taken = total([taken, extra])
        else:
            ended.append(name)
    return ended


def _pinned_first(draft: Draft, node: str) -> list[str]:
    models = [m for m in draft.view.facts.models if draft.is_served_on(node, m.name)]
    return [model.name for model in sorted(models, key=lambda model: not model.pinned)]
