"""What stays where it is, and how the rest leaves."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.placement.picture import GRACE_MS, Facts, Memory, Queue
from app.placement.plan import plan
from tasks.fleet import Assignment, Wish
from tests.app.placement.pictures import (
    NOW,
    UNLOADED,
    a_child,
    a_model,
    a_node,
    a_report,
    box,
    facts,
    offers,
    orders,
    seat,
)

MODEL = a_model("m")
OTHER = a_model("other")
KNOWN = Memory(unborn_ms={("a", "m"): 0})


def test_what_is_well_is_left_alone() -> None:
    """A model that is wanted and served has a plan that changes nothing."""
    moment = box({MODEL: a_report("a")})
    decided = plan(moment)
    assert decided.wishes == ()
    assert decided.assignments == moment.assignments
    assert decided.placements["m"].nodes == ("a",)


@pytest.mark.parametrize(("force", "order"), [(False, "drain"), (True, "stop")])
def test_what_is_not_wanted_is_ordered_to_leave(force: bool, order: str) -> None:
    """By force at once, else when what runs has ended."""
    wish = Wish(wanted=False, why="admin", at_ms=NOW, force=force)
    assert orders(plan(box({MODEL: a_report("a")}, wishes={"m": wish}))) == {"m": order}


def test_an_order_lasts_until_the_child_is_gone() -> None:
    """Then the assignment is taken out; wanted again, the model does not come back before."""
    drained = {"a": {"m": Assignment("cpu", "drain")}}
    there = box({MODEL: a_report("a", "draining")}, assignments=drained)
    assert orders(plan(there)) == {"m": "drain"}
    gone = replace(box({}, (MODEL,)), assignments=drained, wishes={"m": UNLOADED}, memory=KNOWN)
    assert orders(plan(gone)) == {}


def test_a_forced_stop_stays_one() -> None:
    """Although the model is wanted again."""
    stopped = {"a": {"m": Assignment("cpu", "stop")}}
    assert orders(plan(box({MODEL: a_report("a")}, assignments=stopped))) == {"m": "stop"}


def test_a_child_that_no_report_shows_yet_is_not_forgotten() -> None:
    """The node may have begun it a moment ago: its order and its room stay for a while."""
    moment = box({}, (MODEL, OTHER), mib=150, wishes={"m": UNLOADED})
    begun = replace(moment, assignments={"a": {"m": Assignment("cpu")}})
    assert orders(plan(begun)) == {"m": "drain"}
    later = replace(begun, memory=Memory(unborn_ms={("a", "m"): NOW - 3_000}))
    assert orders(plan(later)) == {"other": "serve"}


def test_a_model_that_the_catalog_lost_is_drained() -> None:
    """Nobody wants it any more."""
    moment = box({MODEL: a_report("a")})
    assert orders(plan(replace(moment, models=(), workers={}))) == {"m": "drain"}


def test_a_model_that_its_node_offers_no_more_is_moved() -> None:
    """Its definition names another device now."""
    changed = a_model("m", device="cuda")
    seats = offers({changed: (seat(10, "cuda:0", 50),)})
    node = a_node("a", 250, a_child(MODEL), offers=seats, gpu_budgets={0: 2**30})
    moment = facts(changed, nodes={"a": node}, assignments={"a": {"m": Assignment("cpu")}})
    assert plan(moment).assignments == {"a": {"m": Assignment("cpu", "drain")}}
    gone = replace(moment, nodes={"a": replace_children(node)}, memory=KNOWN)
    assert plan(gone).assignments == {"a": {"m": Assignment("cuda:0")}}


def replace_children(node: Any) -> Any:
    """The node with no child left."""
    return a_node("a", 250, offers=node.offers, gpu_budgets=node.gpu_budgets)


def test_a_model_that_runs_stays_although_its_file_is_gone() -> None:
    """What it does already it can."""
    node = a_node("a", 250, a_child(MODEL), offers=offers({MODEL: "m.gguf does not exist"}))
    assert orders(plan(box({MODEL: a_report("a")}, nodes={"a": node}))) == {"m": "serve"}
    dead = a_node("a", 250, a_child(MODEL, state="paused"), offers=node.offers)
    assert orders(plan(box({MODEL: a_report("a")}, nodes={"a": dead}))) == {"m": "drain"}


def test_a_node_that_says_nothing_of_a_model_yet_keeps_it() -> None:
    """It reads its catalog a moment later; after the grace it is taken at its word."""
    silent = box({MODEL: a_report("a")}, nodes={"a": a_node("a", 250, a_child(MODEL))})
    assert orders(plan(silent)) == {"m": "serve"}
    unsure = {("a", "m"): NOW - GRACE_MS}
    old_child = a_node("a", 250, a_child(MODEL, fingerprint="old"))
    late = replace(silent, nodes={"a": old_child}, memory=Memory(unsure_ms=unsure))
    assert orders(plan(late)) == {"m": "drain"}


def two_nodes(*alive: str, seen_s: float = 0, replicas: int = 1) -> Facts:
    """The model is assigned to a; of the nodes a and b these live, the other fell silent."""
    model = a_model("m", replicas=replicas)
    seats = offers({model: (seat(100),)})
    nodes = {"a": a_node("a", 250, a_child(model), offers=seats), "b": a_node("b", offers=seats)}
    return facts(
        model,
        nodes={name: nodes[name] for name in alive},
        assignments={"a": {"m": Assignment("cpu")}},
        workers={"m": (a_report("a"),) if "a" in alive else ()},
        memory=Memory(seen_ms={"a": NOW - int(seen_s * 1000)}),
    )


def test_a_node_that_restarts_keeps_its_models() -> None:
    """Nothing moves while it is silent for less than the grace."""
    decided = plan(two_nodes("b", seen_s=9.9))
    assert decided.assignments == {"a": {"m": Assignment("cpu")}}
    assert decided.placements["m"].nodes == ("a",)


def test_the_models_of_a_silent_node_go_elsewhere() -> None:
    """Its own assignments stay for when it comes back."""
    decided = plan(two_nodes("b", seen_s=10))
    assert decided.assignments == {"a": {"m": Assignment("cpu")}, "b": {"m": Assignment("cpu")}}
    assert decided.placements["m"].nodes == ("b",)


def test_a_placer_that_just_came_waits_for_silent_nodes() -> None:
    """A full restart brings back what was loaded, where it was."""
    fresh = replace(two_nodes("b"), memory=Memory())
    decided = plan(fresh)
    assert set(decided.assignments) == {"a"}
    assert decided.memory.seen_ms == {"a": NOW, "b": NOW}


def test_a_silent_node_is_forgotten() -> None:
    """After the grace, when nothing is assigned to it."""
    for seen_s, known in ((5, {"a", "b"}), (11, {"b"})):
        moment = replace(two_nodes("b", seen_s=seen_s), assignments={})
        assert set(plan(moment).memory.seen_ms) == known


def test_what_is_not_wanted_of_a_silent_node_is_forgotten() -> None:
    """After the grace; until then the node may be back and must be told to drain."""
    for seen_s, expected in ((5, {"m": "drain"}), (11, {})):
        silent = replace(two_nodes("b", seen_s=seen_s), wishes={"m": UNLOADED})
        assert orders(plan(silent)) == expected


def surplus(a: dict[str, Any], b: dict[str, Any]) -> dict[str, list[str]]:
    """The model is on two nodes and should be on one: who keeps it, by order."""
    moment = two_nodes("a", "b")
    both = {node: {"m": Assignment("cpu")} for node in ("a", "b")}
    busy_b = a_node("b", 250, a_child(MODEL), offers=moment.nodes["b"].offers)
    decided = plan(
        replace(
            moment,
            nodes={"a": moment.nodes["a"], "b": busy_b},
            assignments=both,
            workers={"m": (a_report("a", **a), a_report("b", **b))},
            queues={"m": Queue(running=1)},
        )
    )
    found: dict[str, list[str]] = {}
    for node in ("a", "b"):
        found.setdefault(orders(decided, node)["m"], []).append(node)
    return found


def test_of_too_many_replicas_the_idle_one_leaves() -> None:
    """Then the youngest; one that is not ready is younger than all."""
    busy, idle = {"idle_s": None, "ready_s": 1}, {"idle_s": 5, "ready_s": 99}
    assert surplus(busy, idle) == {"serve": ["a"], "drain": ["b"]}
    assert surplus({"ready_s": 50}, {"ready_s": 40}) == {"serve": ["a"], "drain": ["b"]}
    assert surplus({"ready_s": 40}, {"ready_s": 50}) == {"serve": ["b"], "drain": ["a"]}
    assert surplus({"state": "loading", "ready_s": 99}, {}) == {"serve": ["b"], "drain": ["a"]}


def test_replicas_go_to_different_nodes() -> None:
    """As many as there are nodes with room for one."""
    moment = two_nodes("a", "b", replicas=3)
    decided = plan(moment)
    assert orders(decided, "a") == orders(decided, "b") == {"m": "serve"}
    assert decided.placements["m"].nodes == ("a", "b")


def test_a_node_that_comes_back_smaller_takes_what_fits() -> None:
    """Pinned models first; what is left out is told why."""
    pinned = a_model("pinned", pinned=True)
    models = (MODEL, OTHER, pinned)
    seats = offers({model: (seat(100),) for model in models})
    given = {model.name: Assignment("cpu") for model in models}
    back = a_node("a", 200, offers=seats)
    moment = facts(*models, nodes={"a": back}, assignments={"a": given})
    known = replace(moment, memory=Memory(unborn_ms={("a", model.name): 0 for model in models}))
    decided = plan(known)
    assert orders(decided) == {"m": "serve", "pinned": "serve"}
    assert decided.placements["other"].state == "unloaded"


def test_a_definition_that_outgrew_its_place_leaves_it() -> None:
    """Started anew as it is now, it would take more than there is."""
    larger = a_model("m", context=9_000)
    node = a_node(
        "a",
        250,
        *(a_child(MODEL, 100), a_child(OTHER, 100)),
        offers=offers({larger: (seat(200),), OTHER: (seat(100),)}),
    )
    moment = facts(
        *(larger, OTHER),
        nodes={"a": node},
        assignments={"a": {"m": Assignment("cpu"), "other": Assignment("cpu")}},
        workers={"m": (a_report("a"),), "other": (a_report("a"),)},
    )
    assert orders(plan(moment)) == {"m": "drain", "other": "serve"}
