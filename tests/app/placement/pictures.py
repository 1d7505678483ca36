"""Pictures of a fleet for tests of the plan: everything has a default but what a test is about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from app.placement.picture import Facts, Plan
from tasks.fleet import Assignment, Child, NodeReport, Offer, Seat, Wish
from tasks.model import Model
from tasks.roster import Report

MIB = 2**20
NOW = 1_000_000_000
TURN_S = 10.0


def a_model(name: str, **fields: Any) -> Model:
    """An echo model."""
    return Model(**({"name": name, "kind": "chat", "source": "echo:"} | fields))


def seat(mib: int, device: str = "cpu", gpu_mib: int = 0) -> Seat:
    """A place that takes so much."""
    return Seat(device, mib * MIB, gpu_mib * MIB)


def offers(sizes: dict[Model, tuple[Seat, ...] | str]) -> dict[str, Offer]:
    """Offers of these seats, or of none with a reason."""
    return {
        model.name: Offer(model.fingerprint, reason=given)
        if isinstance(given, str)
        else Offer(model.fingerprint, given)
        for model, given in sizes.items()
    }


def a_child(model: Model, mib: int = 100, **fields: Any) -> Child:
    """A running child that holds so much."""
    least: dict[str, Any] = {
        "model": model.name,
        "device": "cpu",
        "fingerprint": model.fingerprint,
        "state": "running",
        "since_ms": NOW,
        "host_bytes": mib * MIB,
    }
    return Child(**(least | fields))


def a_node(name: str, mib: int = 1000, *children: Child, **fields: Any) -> NodeReport:
    """A live node with a budget of so much."""
    least: dict[str, Any] = {
        "name": name,
        "host": "",
        "pid": 1,
        "born": 1,
        "expires_ms": NOW + 6_000,
        "started_ms": NOW,
        "cores": 2,
        "memory_bytes": 2 * mib * MIB,
        "budget_bytes": mib * MIB,
        "children": {child.model: child for child in children},
    }
    return NodeReport(**(least | fields))


def a_report(
    node: str,
    state: Literal["loading", "ready", "draining", "failed"] = "ready",
    *,
    ready_s: float = 60,
    idle_s: float | None = 30,
    **fields: Any,
) -> Report:
    """A worker's report; ``idle_s`` None: it is at work."""
    least: dict[str, Any] = {
        "node": f"w@{node}",
        "state": state,
        "pid": 1,
        "slots": 1,
        "context": 100,
        "expires_ms": NOW + 6_000,
        "fleet_node": node,
        "busy": int(idle_s is None),
        "idle_ms": 0 if idle_s is None else NOW - int(idle_s * 1000),
        "since_ms": NOW - int(ready_s * 1000),
    }
    return Report(**(least | fields))


def facts(*models: Model, **fields: Any) -> Facts:
    """A moment; what is not given is empty."""
    return Facts(now_ms=NOW, turn_s=TURN_S, models=models, **fields)


def box(
    loaded: dict[Model, Report],
    others: tuple[Model, ...] = (),
    *,
    mib: int = 250,
    needs: int = 100,
    **fields: Any,
) -> Facts:
    """One node ``a``, on which these models are loaded; each of all takes ``needs`` of ``mib``."""
    models = (*loaded, *others)
    node = a_node(
        "a",
        mib,
        *(a_child(model, needs) for model in loaded),
        offers=offers({model: (seat(needs),) for model in models}),
    )
    least: dict[str, Any] = {
        "nodes": {"a": node},
        "assignments": {"a": {model.name: Assignment("cpu") for model in loaded}},
        "workers": {model.name: (report,) for model, report in loaded.items()},
    }
    return facts(*models, **(least | fields))


def carried_out(moment: Facts, plan: Plan) -> Facts:
    """The same moment, with what was decided written and nothing followed yet."""
    wishes = {**moment.wishes, **{change.model: change.after for change in plan.wishes}}
    return replace(
        moment,
        wishes=wishes,
        assignments=plan.assignments,
        placements=plan.placements,
        memory=plan.memory,
    )


def wished(plan: Plan) -> dict[str, tuple[bool, str]]:
    """The wishes that the plan changes: whether wanted, and why."""
    return {each.model: (each.after.wanted, each.after.why) for each in plan.wishes}


def orders(plan: Plan, node: str = "a") -> dict[str, str]:
    """The orders that a node has, by model."""
    return {name: each.order for name, each in plan.assignments.get(node, {}).items()}


ADMIN = Wish(wanted=True, why="admin", at_ms=NOW - 5_000)
UNLOADED = Wish(wanted=False, why="admin", at_ms=NOW - 5_000)
REQUEST = Wish(wanted=True, why="request", at_ms=NOW - 5_000)
