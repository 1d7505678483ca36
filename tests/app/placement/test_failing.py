"""Models that do not load: who waits for them hears of it, and others do not pay for it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.placement.picture import Facts, Failure, Memory, Queue
from app.placement.plan import plan
from tasks.errors import ModelUnplaceable
from tasks.fleet import Child, Wish
from tasks.roster import Report
from tests.app.placement.pictures import (
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
    wished,
)

MODEL = a_model("m")
FAILED = a_report("a", "failed", reason="bad header", ready_s=1)
WAITING = {"m": Queue(waiting=1, oldest_wait_s=1)}


def broken(*reports: Report, child: Child | None = None, **fields: Any) -> list[str]:
    """What those who wait for the model are told, with these workers of it on node a."""
    node = a_node("a", 250, child or a_child(MODEL), offers=offers({MODEL: (seat(100),)}))
    least: dict[str, Any] = {"workers": {"m": reports}, "nodes": {"a": node}, "queues": WAITING}
    refusals = plan(box({MODEL: FAILED}, **(least | fields))).refusals
    assert not any(isinstance(refusal.error, ModelUnplaceable) for refusal in refusals)
    return [refusal.error.message for refusal in refusals]


def test_who_waits_for_a_model_that_failed_is_told_why() -> None:
    """In the worker's words; nobody is told while nobody waits."""
    assert broken(FAILED) == ["The model 'm' does not load: bad header"]
    assert broken(FAILED, queues={}) == []


@pytest.mark.parametrize("state", ["loading", "ready"])
def test_a_model_that_is_tried_again_is_waited_for(state: Any) -> None:
    """The old report stays for seconds."""
    assert broken(FAILED, a_report("a", state)) == []


def test_an_old_failure_says_nothing_of_a_new_attempt() -> None:
    """Neither one from before the wish nor one of another definition."""
    later = {"m": Wish(wanted=True, why="admin", at_ms=NOW)}
    assert broken(FAILED, wishes=later) == []
    assert broken(a_report("a", "failed", fingerprint="other", reason="x")) == []


def paused(restarts: int, **fields: Any) -> Child:
    """A child that died so often."""
    given: dict[str, Any] = {
        "state": "paused",
        "reason": "killed by signal 11",
        "restarts": restarts,
    }
    return a_child(MODEL, **(given | fields))


def test_a_model_that_dies_again_and_again_is_given_up() -> None:
    """After its second death since it was last ready; workers that are killed come back."""
    seen = Memory(restarts={("a", "m"): 18})
    assert broken(child=paused(19), memory=seen) == []
    assert broken(child=paused(20), memory=seen) == [
        "The model 'm' does not load: killed by signal 11"
    ]
    assert broken(child=paused(20, state="starting"), memory=seen) == []
    assert broken(child=paused(20, reason=""), memory=seen) == []


def test_a_placer_that_just_came_counts_deaths_from_now_on() -> None:
    """It cannot know whether the model was ready between the earlier ones."""
    assert broken(child=paused(30)) == []
    moment = box({MODEL: FAILED}, nodes={"a": a_node("a", 250, paused(30))}, workers={})
    assert plan(moment).memory.restarts == {("a", "m"): 30}


def test_a_ready_model_starts_the_count_anew() -> None:
    """However often its worker was killed before."""
    node = a_node("a", 250, a_child(MODEL, restarts=7))
    seen = Memory(restarts={("a", "m"): 2})
    moment = box({MODEL: a_report("a")}, nodes={"a": node}, memory=seen)
    assert plan(moment).memory.restarts == {("a", "m"): 7}


def test_one_node_that_may_do_better_is_waited_for() -> None:
    """Two were to serve it, and one has not come to it yet."""
    twice = a_model("m", replicas=2)
    seats = offers({twice: (seat(100),)})
    moment = box({twice: FAILED}, queues=WAITING)
    nodes = {n: a_node(n, 250, a_child(twice), offers=seats) for n in ("a", "b")}
    given = dict.fromkeys(("a", "b"), moment.assignments["a"])
    both = replace(moment, nodes=nodes, assignments=given, workers={"m": (FAILED,)})
    assert plan(both).refusals == ()
    other = a_report("b", "failed", reason="worse", ready_s=1)
    [refusal] = plan(replace(both, workers={"m": (FAILED, other)})).refusals
    assert "bad header" in refusal.error.message


def test_a_worker_of_its_own_that_failed_speaks_for_the_model() -> None:
    """Unless a node could load it."""
    alone = {"m": (a_report("", "failed", reason="no file", fleet_node=""),)}
    [refusal] = plan(facts(MODEL, workers=alone, queues=WAITING)).refusals
    assert "no file" in refusal.error.message
    assert plan(box({}, (MODEL,), workers=alone, queues=WAITING)).refusals == ()


def test_a_broken_model_gives_its_place_first() -> None:
    """Although jobs wait for it: it serves none of them."""
    asked, idle = a_model("asked", preload=False), a_model("idle")
    queues = WAITING | {"asked": Queue(waiting=1, oldest_wait_s=1)}
    moment = box({MODEL: FAILED, idle: a_report("a", idle_s=999)}, (asked,), queues=queues)
    decided = plan(moment)
    assert orders(decided) == {"m": "drain", "idle": "serve"}


def failed_before(**fields: Any) -> Facts:
    """The model did not load a while ago and lost its place; an idle one has the room."""
    failure = {"m": Failure(NOW - 30_000, "bad header", MODEL.fingerprint)}
    least: dict[str, Any] = {"memory": Memory(failures=failure), "queues": WAITING}
    return box({a_model("idle"): a_report("a")}, (MODEL,), mib=150, **(least | fields))


def test_a_model_that_failed_takes_nobodys_place_for_a_while() -> None:
    """It would fail again; who waits for it is told, and on free room it is tried."""
    decided = plan(failed_before())
    assert orders(decided) == {"idle": "serve"}
    [refusal] = decided.refusals
    assert "bad header" in refusal.error.message
    with_room = a_node("a", 250, a_child(a_model("idle")), offers=failed_before().nodes["a"].offers)
    tried = plan(failed_before(nodes={"a": with_room}))
    assert orders(tried) == {"idle": "serve", "m": "serve"}
    assert tried.refusals == ()


def test_a_model_that_is_ready_has_not_failed() -> None:
    """What was remembered is forgotten."""
    failure = {"m": Failure(NOW - 1_000, "bad header", MODEL.fingerprint)}
    assert plan(box({MODEL: FAILED}, memory=Memory(failures=failure))).memory.failures
    ready = plan(box({MODEL: a_report("a")}, memory=Memory(failures=failure)))
    assert not ready.memory.failures


@pytest.mark.parametrize(
    "fields",
    [
        {"memory": Memory(failures={"m": Failure(NOW - 60_000, "x", MODEL.fingerprint)})},
        {"memory": Memory(failures={"m": Failure(NOW - 1_000, "x", "of another definition")})},
        {"wishes": {"m": Wish(wanted=True, why="admin", at_ms=NOW - 1_000)}},
    ],
    ids=["long ago", "defined anew", "loaded by an admin"],
)
def test_a_failure_is_forgotten(fields: dict[str, Any]) -> None:
    """After a while, and by whoever does something about it."""
    decided = plan(failed_before(**fields))
    assert wished(decided)["idle"] == (False, "evicted")
    assert decided.refusals == ()
