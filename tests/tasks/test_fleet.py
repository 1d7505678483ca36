"""The fleet's keys: reports, wishes, assignments, placements."""

from __future__ import annotations

import os

import pytest

from tasks import hosts
from tasks.connection import Client, now_ms
from tasks.fleet import Assignment, Child, Fleet, Gpu, NodeReport, Offer, Placement, Seat, Wish
from tasks.model import Model
from tasks.settings import QueueSettings

DEAD_PID = 2**22 - 1


@pytest.fixture
def fleet(client: Client, settings: QueueSettings) -> Fleet:
    """An empty fleet."""
    return Fleet(client, settings)


def report(fleet: Fleet, name: str, *, pid: int | None = None, lasts_ms: int = 5000) -> NodeReport:
    """What a node of this machine says."""
    return NodeReport(
        name=name,
        host=hosts.this_host(),
        pid=pid or os.getpid(),
        born=hosts.born(os.getpid()) or 0,
        expires_ms=now_ms(fleet.redis) + lasts_ms,
        started_ms=1,
        cores=2,
        memory_bytes=8 << 30,
        budget_bytes=4 << 30,
        gpus=(Gpu(0, "a card", 10, 9),),
        gpu_budgets={0: 8},
        offers={"m": Offer("f", (Seat("cuda:0", 1, 2), Seat("cpu", 3)))},
        children={
            "m": Child(model="m", device="cpu", fingerprint="f", state="running", since_ms=1)
        },
    )


def test_a_report_comes_back_as_it_was_given(fleet: Fleet) -> None:
    """Offers, children and GPUs included."""
    given = report(fleet, "n")
    fleet.report(given)
    assert fleet.nodes() == {"n": given}


def test_silent_and_dead_nodes_are_not_there(fleet: Fleet) -> None:
    """One whose report is over, or whose process is known to have ended, is no live node."""
    fleet.report(report(fleet, "silent", lasts_ms=-1))
    fleet.report(report(fleet, "dead", pid=DEAD_PID))
    fleet.report(report(fleet, "alive"))
    assert set(fleet.nodes()) == {"alive"}
    assert set(fleet.all_nodes()) == {"alive", "dead", "silent"}


def test_a_retired_node_is_forgotten(fleet: Fleet) -> None:
    """Its report goes, what it was assigned stays for its next start."""
    fleet.report(report(fleet, "n"))
    fleet.assign("n", {"m": Assignment("cpu")})
    fleet.retire("n")
    assert fleet.all_nodes() == {}
    assert fleet.assignments("n") == {"m": Assignment("cpu")}


def test_assigning_nothing_forgets_the_node(fleet: Fleet) -> None:
    """No empty rows are left of nodes that are gone for good."""
    fleet.assign("n", {"m": Assignment("cpu", "drain")})
    fleet.assign("n", {})
    assert fleet.all_assignments() == {}
    assert fleet.assignments("n") == {}


def test_a_wish_does_not_overwrite_one_that_came_in_between(fleet: Fleet) -> None:
    """Whoever decided on what it had read is told that it is old."""
    first, second = Wish(True, "admin", 1), Wish(False, "idle", 2)
    assert fleet.wish_after("m", None, first)
    assert not fleet.wish_after("m", None, second)
    assert fleet.wishes() == {"m": first}
    assert fleet.wish_after("m", first, second)
    assert fleet.wishes() == {"m": second}


def test_a_definition_is_kept_until_it_is_forgotten(fleet: Fleet) -> None:
    """With all its fields."""
    model = Model(name="m", kind="chat", source="echo:", ttl_s=3, restricted=True)
    fleet.define(model)
    assert fleet.definitions() == {"m": model}
    fleet.forget("m")
    assert fleet.definitions() == {}


def test_placements_are_replaced_as_a_whole(fleet: Fleet) -> None:
    """A model that is left out is nowhere any more."""
    fleet.place({"a": Placement("placed", ("n",), loads=2), "b": Placement("unloaded")})
    fleet.place({"b": Placement("unplaceable", reason="no GPU")})
    assert fleet.placements() == {"b": Placement("unplaceable", reason="no GPU")}
