"""/v1/jobs: pages of what was asked, on a real Redis."""

from __future__ import annotations

import time
from typing import Any

import pytest
from flask.testing import FlaskClient

from tasks.claims import State
from tasks.gateway import Gateway
from tasks.upkeep import Upkeep
from tests.app.by_hand import BROKEN, HELLO, MODEL, QUEUE, Hand, waiting_job


def get(http: FlaskClient, url: str) -> Any:
    return http.get(url)


def mixed_jobs(gateway: Gateway) -> dict[str, State]:
    """250 jobs, fifty in each of five states, in an order that has nothing to do with them."""
    ids = [waiting_job(gateway, deadline_at=_soon(number)) for number in range(250)]
    states: dict[str, State] = {}
    for job_id in ids[::5]:
        gateway.ledger.cancel(job_id, QUEUE)
        states[job_id] = "cancelled"
    time.sleep(0.01)
    while expired := Upkeep(gateway.redis, gateway.settings).expire():
        states |= dict.fromkeys(expired, "expired")
    for number in range(150):
        hand = Hand(gateway.ledger)
        match number % 3:
            case 0:
                hand.say(*HELLO, state="done")
                states[hand.job_id] = "done"
            case 1:
                hand.say(BROKEN, state="failed")
                states[hand.job_id] = "failed"
            case 2:
                states[hand.job_id] = "running"
    assert sorted(states) == sorted(ids)
    return states


def _soon(number: int) -> float | None:
    return time.time() if number % 5 == 3 else None


def pages(http: FlaskClient, **query: Any) -> list[dict[str, Any]]:
    """Every job of every page, each page after the last one's end."""
    found: list[dict[str, Any]] = []
    for _ in range(300):
        page: Any = http.get("/v1/jobs", query_string=query).json
        data = page["data"]
        assert (page["object"], page["first_id"]) == ("list", data[0]["id"] if data else None)
        found += data
        if not page["has_more"]:
            return found
        query["after"] = page["last_id"]
    raise AssertionError("the pages do not end")


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [100, 7])
def test_paging_gives_every_job_once(
    http: FlaskClient, gateway: Gateway, order: str, limit: int
) -> None:
    """250 jobs in five states, by age in either direction."""
    states = mixed_jobs(gateway)
    found = pages(http, order=order, limit=limit)
    assert [job["id"] for job in found] == sorted(states, reverse=order == "desc")
    assert {job["id"]: job["state"] for job in found} == states


def test_paging_through_one_state_gives_its_jobs(http: FlaskClient, gateway: Gateway) -> None:
    """Those of the state, in order, and no other; results are not in lists."""
    states = mixed_jobs(gateway)
    for state in ("done", "failed", "cancelled", "running", "expired"):
        wanted = sorted((key for key, found in states.items() if found == state), reverse=True)
        found = pages(http, state=state, limit=20)
        assert [job["id"] for job in found] == wanted
        assert len(found) == 50
        assert not any("result" in job for job in found)
    assert pages(http, state="queued") == []


def test_a_list_is_of_twenty_newest_first(http: FlaskClient, gateway: Gateway) -> None:
    """Unless asked otherwise."""
    ids = [waiting_job(gateway) for _ in range(21)]
    page: Any = get(http, "/v1/jobs").json
    assert [job["id"] for job in page["data"]] == sorted(ids, reverse=True)[:20]
    assert (page["last_id"], page["has_more"]) == (sorted(ids)[1], True)


def test_a_list_of_a_model_knows_its_aliases(http: FlaskClient, gateway: Gateway) -> None:
    """And a name that the catalog lacks may be that of a model of old."""
    mine, old = waiting_job(gateway), waiting_job(gateway, model="removed")
    assert [job["id"] for job in pages(http, model=MODEL)] == [mine]
    assert [job["id"] for job in pages(http, model="removed")] == [old]
    assert pages(http, model="echo") == []


@pytest.mark.parametrize(
    ("query", "param"),
    [
        ("state=lost", "state"),
        ("state=", "state"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("limit=ten", "limit"),
        ("limit=" + "9" * 5_000, "limit"),
        ("after=nobody", "after"),
        ("after=", "after"),
        ("order=newest", "order"),
    ],
)
def test_a_wrong_list_is_a_400_that_names_what_is_wrong(
    http: FlaskClient, query: str, param: str
) -> None:
    """With what would be right."""
    response = get(http, f"/v1/jobs?{query}")
    assert (response.status_code, response.json["error"]["param"]) == (400, param)


def test_an_unknown_state_is_told_the_known_ones(http: FlaskClient) -> None:
    """All six, and what was given."""
    message = get(http, "/v1/jobs?state=lost").json["error"]["message"]
    assert "'lost'" in message
    assert "queued, running, done, failed, cancelled, expired" in message
