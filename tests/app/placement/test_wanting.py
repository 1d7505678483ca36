"""Which models are wanted: what was wished, what jobs wait for, and not what lies idle."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.placement.picture import Facts, Queue
from app.placement.plan import plan
from tasks.fleet import Wish
from tests.app.placement.pictures import (
    ADMIN,
    NOW,
    REQUEST,
    UNLOADED,
    a_model,
    a_report,
    box,
    carried_out,
    facts,
    orders,
    wished,
)

LAZY = a_model("lazy", preload=False)
KEEN = a_model("keen")
BRIEF = a_model("brief", ttl_s=20)
ASKED = {"lazy": Queue(waiting=1, oldest_wait_s=1)}


def test_without_a_wish_the_definition_decides() -> None:
    """A preload is loaded and no wish is written for it; another is not loaded."""
    decided = plan(box({}, (KEEN, LAZY)))
    assert orders(decided) == {"keen": "serve"}
    assert decided.wishes == ()
    assert decided.placements["lazy"].state == "unloaded"


def test_a_wish_goes_before_the_definition() -> None:
    """An admin loads what waits to be asked, and unloads what should be there."""
    decided = plan(box({}, (KEEN, LAZY), wishes={"keen": UNLOADED, "lazy": ADMIN}))
    assert orders(decided) == {"lazy": "serve"}


@pytest.mark.parametrize("before", [None, UNLOADED], ids=["never loaded", "unloaded"])
def test_a_model_that_jobs_wait_for_is_loaded(before: Wish | None) -> None:
    """Also after an admin's unload."""
    wishes = {"lazy": before} if before else {}
    decided = plan(box({}, (LAZY,), queues=ASKED, wishes=wishes))
    [change] = decided.wishes
    assert change.before == before
    assert (change.after.wanted, change.after.why) == (True, "request")
    assert orders(decided) == {"lazy": "serve"}


def test_what_a_worker_of_its_own_serves_needs_no_node() -> None:
    """Its jobs wait for that worker; nothing is loaded, and it is placed on no node."""
    alone = {"lazy": (a_report("", fleet_node=""),), "keen": (a_report("", "loading"),)}
    decided = plan(box({}, (LAZY, KEEN), queues=ASKED, workers=alone))
    assert decided.wishes == ()
    assert orders(decided) == {}
    assert decided.placements["lazy"].state == "placed"
    assert decided.placements["keen"].state == "placed"


def test_requests_that_left_are_forgotten() -> None:
    """The model that they wanted is not loaded when there is room at last; with a job, it is."""
    moment = box({}, (LAZY,), mib=50, wishes={"lazy": REQUEST})
    assert wished(plan(moment)) == {"lazy": (False, "idle")}
    assert wished(plan(replace(moment, queues=ASKED))) == {}
    assert wished(plan(replace(moment, wishes={"lazy": ADMIN}))) == {}


def idle(idle_s: float | None, queue: Queue | None = None, *, state: str = "ready") -> Facts:
    """A model with a ``ttl_s`` of 20 s is loaded, and was last used so long ago."""
    report = a_report("a", state, idle_s=idle_s)  # type: ignore[arg-type]
    return box({BRIEF: report}, queues={"brief": queue or Queue()})


def test_a_model_that_was_idle_for_its_ttl_is_unloaded() -> None:
    """It is drained, and not wanted any more."""
    decided = plan(idle(21))
    assert wished(decided) == {"brief": (False, "idle")}
    assert orders(decided) == {"brief": "drain"}


@pytest.mark.parametrize(
    "moment",
    [
        idle(19),
        idle(None),
        idle(21, Queue(waiting=1)),
        idle(21, Queue(running=1)),
        idle(21, state="loading"),
        box({KEEN: a_report("a", idle_s=9_999)}),
    ],
    ids=["used of late", "at work", "asked for", "running", "loading", "without a ttl"],
)
def test_a_model_that_was_not_idle_for_its_ttl_stays(moment: Facts) -> None:
    """Nothing changes."""
    assert plan(moment).wishes == ()


def test_a_job_that_comes_as_the_model_leaves_brings_it_back() -> None:
    """After the drain: a child that takes nothing more serves nobody."""
    leaving = carried_out(idle(21), plan(idle(21)))
    decided = plan(replace(leaving, queues={"brief": Queue(waiting=1, oldest_wait_s=0.1)}))
    assert wished(decided) == {"brief": (True, "request")}
    assert orders(decided) == {"brief": "drain"}


def test_every_replica_must_have_been_idle() -> None:
    """One that was used of late keeps the model."""
    twice = a_model("brief", ttl_s=20, replicas=2)
    moment = box({twice: a_report("a", idle_s=99)})
    other = replace(
        moment,
        nodes={**moment.nodes, "b": moment.nodes["a"]},
        assignments={**moment.assignments, "b": moment.assignments["a"]},
        workers={"brief": (a_report("a", idle_s=99), a_report("b", idle_s=5))},
    )
    assert plan(other).wishes == ()


def test_nothing_is_wanted_of_a_fleet_without_nodes() -> None:
    """Jobs wait for whoever may come; the model is missing, and not refused."""
    moment = facts(LAZY, KEEN, queues=ASKED)
    decided = plan(moment)
    assert decided.wishes == ()
    assert decided.refusals == ()
    assert decided.placements["lazy"].state == "unloaded"
    assert (decided.placements["keen"].state, decided.placements["keen"].nodes) == ("placed", ())


def test_loads_are_counted() -> None:
    """From one placement to the next."""
    first = plan(box({}, (KEEN,)))
    assert first.placements["keen"].loads == 1
    again = plan(carried_out(box({}, (KEEN,)), first))
    assert again.placements["keen"].loads == 1
    lost = replace(carried_out(box({}, (KEEN,)), first), assignments={})
    assert plan(lost).placements["keen"].loads == 2


def test_a_request_waits_since_its_oldest_job_came() -> None:
    """Unless the model was put to rest since: then from that moment."""
    old = {"lazy": Queue(waiting=1, oldest_wait_s=40)}
    [change] = plan(box({}, (LAZY,), queues=old)).wishes
    assert change.after.at_ms == NOW - 40_000
    rested = Wish(wanted=False, why="turn", at_ms=NOW - 300)
    [change] = plan(box({}, (LAZY,), queues=old, wishes={"lazy": rested})).wishes
    assert change.after.at_ms == NOW - 300
