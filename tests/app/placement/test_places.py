"""Which node and device a model gets, what room it needs, and when there is none anywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.placement.picture import GRACE_MS, Facts, Memory, Queue
from app.placement.plan import plan
from tasks.errors import ModelUnplaceable
from tasks.fleet import Assignment, NodeReport, Seat
from tasks.model import Model
from tests.app.placement.pictures import (
    MIB,
    NOW,
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

MODEL = a_model("m", device="any")
CPU = seat(100)


def gpu(index: int, mib: int = 500) -> Seat:
    """A seat on a GPU."""
    return seat(50, f"cuda:{index}", mib)


def node(name: str, *seats: Seat, mib: int = 1000, gpus: tuple[int, ...] = ()) -> NodeReport:
    """A node with this room, which offers these seats for the model."""
    budgets = {index: free * MIB for index, free in enumerate(gpus)}
    return a_node(name, mib, offers=offers({MODEL: seats}), gpu_budgets=budgets)


def placed(*nodes: NodeReport, model: Model = MODEL) -> list[tuple[str, str]]:
    """Where the model goes: node and device."""
    decided = plan(facts(model, nodes={each.name: each for each in nodes}))
    return [(n, given["m"].device) for n, given in decided.assignments.items() if "m" in given]


def test_the_seat_that_the_node_prefers_is_taken() -> None:
    """The next one when it is full."""
    assert placed(node("a", gpu(0), CPU, gpus=(600,))) == [("a", "cuda:0")]
    assert placed(node("a", CPU, gpu(0), gpus=(600,))) == [("a", "cpu")]
    assert placed(node("a", gpu(0), CPU, gpus=(400,))) == [("a", "cpu")]
    assert placed(node("a", gpu(0), gpu(1), gpus=(400, 600))) == [("a", "cuda:1")]


def test_a_gpu_goes_before_another_nodes_cpu() -> None:
    """Where each is its node's best."""
    assert placed(node("a", CPU, mib=9000), node("b", gpu(0), CPU, gpus=(600,))) == [
        ("b", "cuda:0")
    ]


def test_among_equals_the_emptiest_node_is_taken() -> None:
    """By what is free of what the seat takes."""
    assert placed(node("a", CPU), node("b", CPU, mib=2000)) == [("b", "cpu")]
    assert placed(node("a", gpu(0), gpus=(600,)), node("b", gpu(0), gpus=(900,))) == [
        ("b", "cuda:0")
    ]


def test_a_gpu_holds_no_more_than_its_budget() -> None:
    """What another model has there is taken; the host's memory counts as well."""
    other = a_model("other")
    child = a_child(other, 10, device="cuda:0", gpu_bytes=300 * MIB)
    seats = offers({MODEL: (gpu(0), gpu(1)), other: (seat(10, "cuda:0", 300),)})
    given = {"a": {"other": Assignment("cuda:0")}}
    for host, gpus, expected in (
        (1000, (900, 0), "cuda:0"),
        (1000, (700, 500), "cuda:1"),
        (1000, (700, 400), None),
        (55, (900, 900), None),
    ):
        budgets = {index: mib * MIB for index, mib in enumerate(gpus)}
        there = a_node("a", host, child, offers=seats, gpu_budgets=budgets)
        decided = plan(
            facts(
                *(MODEL, other),
                nodes={"a": there},
                assignments=given,
                workers={"other": (a_report("a", idle_s=None),)},
            )
        )
        found = decided.assignments["a"].get("m")
        assert (found.device if found else None) == expected


def test_a_model_that_has_no_child_yet_takes_what_it_was_offered() -> None:
    """And one whose child holds less takes no less."""
    late = a_model("late")
    for children in ((), (a_child(MODEL, 10),)):
        seats = offers({MODEL: (CPU,), late: (CPU,)})
        there = a_node("a", 199, *children, offers=seats)
        moment = facts(
            *(MODEL, late), nodes={"a": there}, assignments={"a": {"m": Assignment("cpu")}}
        )
        assert orders(plan(moment)) == {"m": "serve"}


def test_a_child_that_grew_takes_what_it_holds() -> None:
    """Nobody has to leave for that, but nobody comes either."""
    late = a_model("late")
    there = a_node("a", 260, a_child(MODEL, 180), offers=offers({MODEL: (CPU,), late: (CPU,)}))
    moment = facts(*(MODEL, late), nodes={"a": there}, assignments={"a": {"m": Assignment("cpu")}})
    assert orders(plan(moment)) == {"m": "serve"}


def test_where_it_is_not_known_what_a_model_takes_none_is_added() -> None:
    """The node has just come and has not said it yet."""
    late = a_model("late")
    there = a_node("a", 1000, offers=offers({late: (CPU,)}))
    moment = facts(*(MODEL, late), nodes={"a": there}, assignments={"a": {"m": Assignment("cpu")}})
    assert orders(plan(moment)) == {"m": "serve"}


# ---- no node can ------------------------------------------------------------------------------


def unplaceable(*nodes: NodeReport, **fields: object) -> str:
    """Why the model is unplaceable; empty when it is not."""
    moment = facts(MODEL, nodes={each.name: each for each in nodes}, **fields)
    placement = plan(moment).placements["m"]
    return placement.reason if placement.state == "unplaceable" else ""


def refused(name: str, reason: str) -> NodeReport:
    """A node that cannot serve the model."""
    return a_node(name, offers=offers({MODEL: reason}))


def test_each_node_has_its_own_reason() -> None:
    """At most three are named."""
    assert unplaceable(refused("a", "no GPU")) == "a: no GPU"
    reason = unplaceable(*(refused(name, f"no {name}") for name in "abcde"))
    assert reason == "a: no a; b: no b; c: no c; and 2 more nodes cannot either"


def test_a_model_larger_than_every_budget_is_unplaceable() -> None:
    """With the numbers; one node that could hold it is enough."""
    small, large = node("a", seat(2048), mib=1536), node("b", seat(2048), mib=2048)
    assert unplaceable(small) == "a: it needs 2.0 GiB of memory, and models may have 1.5 GiB"
    assert unplaceable(small, large) == ""
    no_room_there = node("a", gpu(0), gpus=(400,))
    assert "500 MiB on cuda:0" in unplaceable(no_room_there)


def test_what_pinned_models_hold_never_becomes_free() -> None:
    """What others hold does."""
    for pinned in (True, False):
        other = a_model("other", pinned=pinned)
        moment = box({other: a_report("a")}, (MODEL,), mib=150)
        placement = plan(moment).placements["m"]
        assert (placement.state == "unplaceable") is pinned
        assert ("pinned" in placement.reason) is pinned


def test_a_pinned_model_is_not_in_its_own_way() -> None:
    """Its definition changed, and it must leave before it comes back."""
    old, new = a_model("m", pinned=True), a_model("m", pinned=True, device="cuda")
    seats = offers({new: (seat(90, "cuda:0", 10),)})
    there = a_node("a", 150, a_child(old), offers=seats, gpu_budgets={0: 2**30})
    moment = facts(new, nodes={"a": there}, assignments={"a": {"m": Assignment("cpu")}})
    assert orders(plan(moment)) == {"m": "drain"}
    assert plan(moment).placements["m"].state == "waiting"


def test_a_full_node_makes_nothing_unplaceable() -> None:
    """The model waits for the room that others use."""
    queues = {"m": Queue(waiting=1, oldest_wait_s=1), "other": Queue(running=1)}
    moment = box({a_model("other"): a_report("a", idle_s=None)}, (MODEL,), mib=150, queues=queues)
    decided = plan(moment)
    assert decided.placements["m"].state == "waiting"
    assert "other" in decided.placements["m"].reason
    assert decided.refusals == ()


def test_unplaceable_is_also_what_nobody_wants() -> None:
    """A request for it is refused before it is wanted; nothing is wished for it."""
    lazy = a_model("m", preload=False)
    none = a_node("a", offers=offers({lazy: "no GPU"}))
    moment = facts(lazy, nodes={"a": none}, queues={"m": Queue(waiting=2)})
    decided = plan(moment)
    assert decided.wishes == ()
    [refusal] = decided.refusals
    assert isinstance(refusal.error, ModelUnplaceable)
    assert "a: no GPU" in refusal.error.message
    assert refusal.queue == "chat.m"


def test_nobody_waits_for_an_unplaceable_model_nobody_is_refused() -> None:
    """An empty queue is left alone."""
    assert plan(facts(MODEL, nodes={"a": refused("a", "no GPU")})).refusals == ()


def test_a_worker_of_its_own_makes_a_model_placeable() -> None:
    """Whatever the nodes say."""
    alone = {"m": (a_report("", fleet_node=""),)}
    assert unplaceable(refused("a", "no GPU"), workers=alone) == ""


def test_a_node_that_has_not_said_yet_is_waited_for() -> None:
    """A definition that was just added is not refused; after the grace it is."""
    none, silent = refused("a", "no GPU"), a_node("b")
    assert unplaceable(none, silent) == ""
    changed = a_node("b", offers=offers({a_model("m"): (CPU,)}))
    assert unplaceable(none, changed) == ""
    late = Memory(unsure_ms={("b", "m"): NOW - GRACE_MS})
    assert "b: does not know the model" in unplaceable(none, silent, memory=late)


@pytest.mark.parametrize(("seen_s", "told"), [(5, ""), (11, "a: no GPU")])
def test_a_node_that_restarts_is_waited_for(seen_s: float, told: str) -> None:
    """It may be the one that has the GPU."""
    memory = Memory(seen_ms={"b": NOW - int(seen_s * 1000)})
    assert unplaceable(refused("a", "no GPU"), memory=memory) == told


def test_what_is_not_known_yet_is_missing_and_not_waiting_for_room() -> None:
    """It should be there, and is on no node."""
    placement = plan(facts(MODEL, nodes={"b": a_node("b")})).placements["m"]
    assert (placement.state, placement.nodes) == ("placed", ())
    assert "b" in placement.reason


def test_a_model_that_is_served_is_not_unplaceable() -> None:
    """Its place was given when there was room; it is not taken away by a number."""
    moment: Facts = box({MODEL: a_report("a")}, mib=250)
    smaller = a_node("a", 50, a_child(MODEL), offers=moment.nodes["a"].offers)
    assert plan(replace(moment, nodes={"a": smaller})).placements["m"].state == "placed"
