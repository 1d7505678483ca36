"""How a model stands, told from reports and plans."""

from __future__ import annotations

from typing import Any

import pytest

from tasks import hosts
from tasks.fleet import Child, NodeReport, Placement, Wish
from tasks.model import Model
from tasks.model_state import ModelState, ModelStatus, is_wanted, state_of
from tasks.roster import Report

MODEL = Model(name="m", kind="chat", source="echo:")
PLACED = Placement("placed", ("box",))
WANTED = Wish(wanted=True, why="admin", at_ms=1_000)
UNWANTED = Wish(wanted=False, why="admin", at_ms=1_000)


def report(state: str, **fields: Any) -> Report:
    """What a worker of the model says."""
    given = {"node": "m@box", "pid": 1, "slots": 1, "context": 16, "expires_ms": 9_000}
    return Report(**{**given, "state": state, **fields})


def child(state: str, **fields: Any) -> Child:
    """What the node says of the model's process."""
    given = {"model": "m", "device": "cpu", "fingerprint": MODEL.fingerprint, "since_ms": 2_000}
    return Child(**{**given, "state": state, **fields})


def node(*children: Child) -> dict[str, NodeReport]:
    """One live node, with these processes."""
    box = NodeReport(
        name="box",
        host="",
        pid=1,
        born=1,
        expires_ms=9_000,
        started_ms=0,
        cores=2,
        memory_bytes=2**30,
        budget_bytes=2**29,
        children={each.model: each for each in children},
    )
    return {box.name: box}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (["failed", "draining", "loading", "ready"], "ready"),
        (["failed", "draining", "loading"], "loading"),
        (["failed", "draining"], "draining"),
        (["failed"], "failed"),
        ([], "missing"),
    ],
)
def test_a_model_is_as_well_as_its_best_worker(states: list[str], expected: ModelState) -> None:
    """Whoever keeps the workers, and whatever is planned."""
    reports = [report(state) for state in states]
    assert state_of(MODEL, None, None, reports, {}).state == expected
    if states:
        plan = Placement("unplaceable", reason="no GPU")
        assert state_of(MODEL, plan, UNWANTED, reports, node()).state == expected


def test_a_process_that_has_ended_is_not_ready() -> None:
    """Its last report outlives it by seconds."""
    gone: dict[str, Any] = {"pid": 2**22 + 1, "host": hosts.this_host(), "born": 1}
    assert state_of(MODEL, None, None, [report("ready", **gone)], {}).state == "missing"
    failed = state_of(MODEL, None, None, [report("failed", reason="no file", **gone)], {})
    assert (failed.state, failed.reason) == ("failed", "no file")


def test_loading_is_as_far_as_the_worker_that_is_furthest() -> None:
    """A process that does not report yet has begun."""
    reports = [report("loading", progress=0.25), report("loading", progress=0.5)]
    assert state_of(MODEL, PLACED, WANTED, reports, node()).progress == 0.5
    started = state_of(MODEL, PLACED, WANTED, [], node(child("starting")))
    assert started == ModelStatus("loading", "", 0.0, 2_000)
    assert state_of(MODEL, PLACED, WANTED, [report("ready")], node()).progress == 1.0


def test_a_model_that_died_has_failed_while_its_node_pauses() -> None:
    """In the worker's words where it found some, else in the node's."""
    died = node(child("paused", reason="killed by signal 11"))
    assert state_of(MODEL, PLACED, WANTED, [], died).reason == "killed by signal 11"
    said = report("failed", reason="bad header", fleet_node="box")
    assert state_of(MODEL, PLACED, WANTED, [said], died).reason == "bad header"
    assert state_of(MODEL, PLACED, WANTED, [said], died).since_ms == 2_000


def test_a_model_that_is_tried_again_says_how_it_failed() -> None:
    """Its reports come and go faster than they are read."""
    said = report("failed", reason="bad header", since_ms=1_001)
    status = state_of(MODEL, PLACED, WANTED, [said], node(child("starting")))
    assert (status.state, status.reason) == ("loading", "it failed before: bad header")


@pytest.mark.parametrize(
    "fields", [{"since_ms": 999}, {"since_ms": 1_001, "fingerprint": "0" * 16}]
)
def test_an_old_failure_says_nothing_of_a_new_attempt(fields: dict[str, Any]) -> None:
    """Neither one from before the wish, nor one of another definition."""
    old = report("failed", reason="bad header", fleet_node="box", **fields)
    assert state_of(MODEL, PLACED, WANTED, [old], node()).state == "loading"
    new = report("failed", fleet_node="box", since_ms=1_001, fingerprint=MODEL.fingerprint)
    assert state_of(MODEL, PLACED, WANTED, [new], node()).state == "failed"


def test_a_failed_model_that_is_unloaded_is_unloaded() -> None:
    """Except where a worker failed that no node keeps."""
    kept = report("failed", fleet_node="box", since_ms=1_001)
    assert state_of(MODEL, None, UNWANTED, [kept], node()).state == "unloaded"
    assert state_of(MODEL, None, UNWANTED, [report("failed")], node()).state == "failed"


def test_a_process_that_is_being_stopped_drains() -> None:
    """Also when it does not report any more."""
    assert state_of(MODEL, None, UNWANTED, [], node(child("stopping"))).state == "draining"


def test_a_placed_model_loads_where_its_node_is_alive() -> None:
    """Where the node is silent, the model is missing."""
    assert state_of(MODEL, PLACED, WANTED, [], node()).state == "loading"
    missing = state_of(MODEL, PLACED, WANTED, [], {})
    assert missing.state == "missing"
    assert "box" in missing.reason


def test_a_model_that_is_placed_nowhere_waits_for_the_placer() -> None:
    """Its worker, which no node kept, has ended a moment ago."""
    nowhere = Placement("placed")
    assert state_of(MODEL, nowhere, WANTED, [], node()).state == "waiting"
    missing = state_of(MODEL, nowhere, WANTED, [], {})
    assert (missing.state, "no node" in missing.reason) == ("missing", True)


def test_a_running_process_that_is_silent_is_no_ready_model() -> None:
    """It is still on its way, or hangs; nobody says that it serves."""
    assert state_of(MODEL, PLACED, WANTED, [], node(child("running"))).state == "loading"


@pytest.mark.parametrize("wish", [WANTED, UNWANTED, None])
def test_what_no_node_can_serve_is_unplaceable(wish: Wish | None) -> None:
    """Wanted or not: a request would be refused."""
    plan = Placement("unplaceable", reason="box has no GPU")
    assert state_of(MODEL, plan, wish, [], node()) == ModelStatus("unplaceable", "box has no GPU")


def test_a_wanted_model_without_a_place_waits() -> None:
    """For room, with the placer's reason, or for the placer."""
    waiting = state_of(MODEL, Placement("waiting", reason="box is full"), WANTED, [], node())
    assert waiting == ModelStatus("waiting", "box is full", 0.0, 1_000)
    assert state_of(MODEL, Placement("unloaded"), WANTED, [], node()).state == "waiting"
    unsure = Placement("placed", reason="box has not said yet")
    told = state_of(MODEL, unsure, WANTED, [], node())
    assert told == ModelStatus("waiting", "box has not said yet", 0.0, 1_000)
    assert state_of(MODEL, None, WANTED, [], node()).state == "waiting"


def test_a_preload_without_room_says_so() -> None:
    """It is unloaded although it is wanted, for the placer's reason."""
    placement = Placement("unloaded", reason="no room on n")
    status = state_of(MODEL, placement, None, [], node())
    assert (status.state, status.reason) == ("unloaded", "no room on n")


@pytest.mark.parametrize(
    ("why", "said"),
    [("admin", "admin"), ("idle", "ttl_s"), ("evicted", "room"), ("turn", "turn")],
)
def test_an_unloaded_model_says_why(why: Any, said: str) -> None:
    """Whatever the placer saw last."""
    wish = Wish(wanted=False, why=why, at_ms=1_000)
    for placement in (None, PLACED, Placement("waiting"), Placement("unloaded")):
        status = state_of(MODEL, placement, wish, [], node())
        assert status.state == "unloaded"
        assert said in status.reason


def test_without_a_wish_the_definition_says_whether_it_is_wanted() -> None:
    """A model that waits to be asked for is unloaded, not missing."""
    lazy = Model(name="m", kind="chat", source="echo:", preload=False)
    assert not is_wanted(lazy, None)
    assert is_wanted(lazy, WANTED)
    assert state_of(lazy, None, None, [], {}) == ModelStatus("unloaded")
    assert state_of(MODEL, None, None, [], {}).state == "missing"
