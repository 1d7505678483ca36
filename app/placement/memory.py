"""What one round remembers for the next."""

from __future__ import annotations

from app.placement.picture import GRACE_MS, Facts, Memory


def remembered(facts: Facts) -> Memory:
    """The memory of the rounds before, with this one's facts."""
    return Memory(
        seen_ms=_seen(facts),
        unsure_ms=_unsure(facts),
        restarts=_restarts(facts),
        unborn_ms=_unborn(facts),
        failures=facts.memory.failures,
    )


def _seen(facts: Facts) -> dict[str, int]:
    """A node that was silent from the start counts as seen just now: it may be restarting too."""
    now, before = facts.now_ms, facts.memory.seen_ms
    silent = {name: before.get(name, now) for name in {*before, *facts.assignments}}
    known = {
        name: seen_ms
        for name, seen_ms in silent.items()
        if name in facts.assignments or now - seen_ms < GRACE_MS
    }
    return known | dict.fromkeys(facts.nodes, now)


def _unsure(facts: Facts) -> dict[tuple[str, str], int]:
    prints = {model.name: model.fingerprint for model in facts.models}
    unsure = {}
    for node, report in facts.nodes.items():
        for model, fingerprint in prints.items():
            offer = report.offers.get(model)
            if offer is None or offer.fingerprint != fingerprint:
                key = (node, model)
                unsure[key] = facts.memory.unsure_ms.get(key, facts.now_ms)
    return unsure


def _restarts(facts: Facts) -> dict[tuple[str, str], int]:
    """A child that was never seen before is judged by what it does from now on."""
    counted = {}
    for node, report in facts.nodes.items():
        for model, child in report.children.items():
            before = facts.memory.restarts.get((node, model), child.restarts)
            is_ready = any(
                each.fleet_node == node and each.state == "ready"
                for each in facts.workers.get(model, ())
            )
            counted[node, model] = child.restarts if is_ready else min(before, child.restarts)
    return counted


def _unborn(facts: Facts) -> dict[tuple[str, str], int]:
    found = {}
    for node, report in facts.nodes.items():
        for model in facts.assignments.get(node, {}):
            key = (node, model)
            since_ms = facts.memory.unborn_ms.get(key, facts.now_ms)
            found[key] = 0 if model in report.children else since_ms
    return found
