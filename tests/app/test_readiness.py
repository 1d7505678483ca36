"""``/ready`` misses what should be there, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from app.readiness import state_of
from tasks.connection import now_ms
from tasks.fleet import Placement, Wish
from tasks.gateway import Gateway
from tasks.roster import Report
from tests.app.placement.pictures import a_node

NODELESS: dict[str, Any] = {"node": "w", "pid": 1, "slots": 1, "context": 9}
DUE = [None, Placement("placed", ("box",)), Placement("placed", reason="no node is at work")]
ELSEWHERE = [
    Placement("waiting", reason="box is full"),
    Placement("unplaceable", reason="box has no GPU"),
    Placement("unloaded", reason="there is no room for it now"),
]


@pytest.fixture
def served(gateway: Gateway) -> Gateway:
    """A gateway to two models that are served; ``absent`` is not."""
    for name in ("echo", "echo-embed"):
        say(gateway, name, "ready")
    return gateway


def say(gateway: Gateway, name: str, state: Any, **fields: Any) -> None:
    """A worker of the model reports."""
    queue = gateway.catalog.find(name).queue
    expires_ms = now_ms(gateway.redis) + 5_000
    report = Report(state=state, expires_ms=expires_ms, **(NODELESS | fields))
    gateway.roster.report(queue, "w", report)


def absent(http: FlaskClient) -> tuple[int, dict[str, Any]]:
    """The status of ``/ready``, and what it says of the model."""
    response: Any = http.get("/ready")
    assert response.json["status"] == ("ok" if response.status_code == 200 else "loading")
    return response.status_code, response.json["models"]["absent"]


@pytest.mark.parametrize("placement", DUE, ids=str)
def test_a_model_that_should_be_there_is_missed(
    http: FlaskClient, served: Gateway, placement: Placement | None
) -> None:
    """Before it is placed, and where nobody serves it yet."""
    if placement is not None:
        served.fleet.place({"absent": placement})
    status, entry = absent(http)
    assert (status, entry["state"]) == (503, "missing")


def test_a_model_that_no_keeper_has_placed_yet_is_missed(
    http: FlaskClient, served: Gateway
) -> None:
    """A node is alive: to wait for room is another thing, and no cause to say that all is well."""
    expires_ms = now_ms(served.redis) + 5_000
    served.fleet.report(a_node("box", 100, expires_ms=expires_ms))
    for placement in ({}, {"absent": Placement("placed", reason="box has not said yet")}):
        served.fleet.place(placement)
        status, entry = absent(http)
        assert (status, entry["state"]) == (503, "missing")


@pytest.mark.parametrize("placement", ELSEWHERE, ids=str)
def test_a_model_without_a_place_is_not_missed(
    http: FlaskClient, served: Gateway, placement: Placement
) -> None:
    """There is no room for it, or nowhere that could hold it."""
    served.fleet.place({"absent": placement})
    assert absent(http)[0] == 200


def test_a_model_that_nobody_wants_is_not_missed(http: FlaskClient, served: Gateway) -> None:
    """Whatever was planned for it last."""
    served.fleet.wish("absent", Wish(wanted=False, why="admin", at_ms=1))
    for placement in (Placement("placed", ("box",)), Placement("unloaded")):
        served.fleet.place({"absent": placement})
        status, entry = absent(http)
        assert (status, entry["state"]) == (200, "unloaded")


@pytest.mark.parametrize("state", ["loading", "draining", "failed"])
def test_a_model_that_does_not_serve_yet_is_missed(
    http: FlaskClient, served: Gateway, state: str
) -> None:
    """With what there is to say of it."""
    say(served, "absent", state, reason="bad header" if state == "failed" else None, progress=0.5)
    status, entry = absent(http)
    assert (status, entry["state"]) == (503, state)
    assert entry["reason"] == ("bad header" if state == "failed" else None)
    assert entry.get("progress") == (0.5 if state == "loading" else None)


def test_a_model_that_drains_because_nobody_wants_it_is_not_missed(
    http: FlaskClient, served: Gateway
) -> None:
    """It is on its way out."""
    say(served, "absent", "draining")
    served.fleet.wish("absent", Wish(wanted=False, why="idle", at_ms=1))
    status, entry = absent(http)
    assert (status, entry["state"]) == (200, "draining")


def test_a_models_state_has_a_reason(served: Gateway) -> None:
    """None where there is nothing to say."""
    served.fleet.place({"absent": ELSEWHERE[1]})
    catalog = served.catalog
    assert state_of(served, catalog.find("absent")) == ("unplaceable", "box has no GPU")
    assert state_of(served, catalog.find("echo")) == ("ready", None)
