"""The placer on a real Redis: what it reads, what it writes, and whom it ends."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from app.placement.facts import FactsReader
from app.placement.picture import Memory, Queue
from app.placement.placer import Placer
from tasks import hosts
from tasks.connection import Client, connect, now_ms
from tasks.errors import ModelUnplaceable
from tasks.events import Failed
from tasks.fleet import Assignment, Fleet, NodeReport, Offer, Wish
from tasks.jobs import ChatJob, Message, new_id
from tasks.keys import Keys
from tasks.ledger import Claim, Ledger
from tasks.model import Model
from tasks.roster import Report, Roster
from tasks.settings import QueueSettings
from tasks.terms import Terms
from tests.app.placement.pictures import a_model, a_node, a_report, offers, seat
from tests.conftest import RedisServer

CATALOG = """
[[model]]
name = "keen"
kind = "chat"
source = "echo:"

[[model]]
name = "lazy"
kind = "chat"
source = "echo:"
preload = false
"""
KEEN, LAZY = a_model("keen"), a_model("lazy", preload=False)


@pytest.fixture
def told(settings: QueueSettings, tmp_path: Path) -> QueueSettings:
    """Settings with the catalog above."""
    models = tmp_path / "models.toml"
    models.write_text(CATALOG)
    return settings.model_copy(update={"models_file": models})


@pytest.fixture
def fleet(client: Client, told: QueueSettings) -> Fleet:
    """The fleet's keys."""
    return Fleet(client, told)


@pytest.fixture
def placer(client: Client, told: QueueSettings) -> Placer:
    """A candidate that nobody stands against."""
    return Placer(client, told, 10, "keeper-1")


def report_node(fleet: Fleet, mib: int = 100, offered: dict[str, Offer] | None = None) -> None:
    """A node reports that it has room for one of the models."""
    if offered is None:
        offered = offers({model: (seat(100),) for model in (KEEN, LAZY)})
    expires_ms = now_ms(fleet.redis) + 6_000
    fleet.report(a_node("a", mib, offers=offered, expires_ms=expires_ms))


def wait_for(ledger: Ledger, model: Model, *, listened: bool = True) -> ChatJob:
    """A job waits for the model."""
    job = ChatJob(id=new_id(), model=model.name, messages=(Message("user", "x"),))
    terms = Terms.listened if listened else Terms.background
    ledger.accept(job, model.queue, terms(ledger.settings))
    return job


def test_a_wanted_model_is_assigned(fleet: Fleet, placer: Placer) -> None:
    """And where it is is told; the next round changes nothing."""
    report_node(fleet)
    placer.round()
    assert fleet.assignments("a") == {"keen": Assignment("cpu")}
    placements = fleet.placements()
    assert placements["keen"].nodes == ("a",)
    assert placements["lazy"].state == "unloaded"
    assert fleet.wishes() == {}
    placer.round()
    assert fleet.placements() == placements


def test_a_job_brings_its_model(fleet: Fleet, placer: Placer, ledger: Ledger) -> None:
    """The idle one that has the room is evicted for it."""
    report_node(fleet)
    placer.round()
    worker = a_report("a", expires_ms=now_ms(fleet.redis) + 6_000)
    Roster(fleet.redis, ledger.settings).report(KEEN.queue, "w", worker)
    wait_for(ledger, LAZY)
    placer.round()
    assert fleet.assignments("a") == {"keen": Assignment("cpu", "drain")}
    wishes = fleet.wishes()
    assert (wishes["keen"].wanted, wishes["keen"].why) == (False, "evicted")
    assert (wishes["lazy"].wanted, wishes["lazy"].why) == (True, "request")


def test_an_admin_who_was_faster_is_obeyed(
    fleet: Fleet, placer: Placer, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wish that came after the facts were read stays, and nobody is drained against it."""
    report_node(fleet)
    placer.round()
    worker = a_report("a", expires_ms=now_ms(fleet.redis) + 6_000)
    Roster(fleet.redis, ledger.settings).report(KEEN.queue, "w", worker)
    wait_for(ledger, LAZY)
    asked = Wish(wanted=True, why="admin", at_ms=1)
    read = FactsReader.read

    def read_too_early(self: FactsReader, models: tuple[Model, ...], memory: Memory) -> object:
        facts = read(self, models, memory)
        fleet.wish("keen", asked)
        return facts

    monkeypatch.setattr(FactsReader, "read", read_too_early)
    placer.round()
    assert fleet.wishes()["keen"] == asked
    assert fleet.assignments("a") == {"keen": Assignment("cpu")}


def test_who_listens_for_an_unplaceable_model_is_refused(
    fleet: Fleet, placer: Placer, ledger: Ledger
) -> None:
    """With the reason; a background job waits for a node that can."""
    report_node(fleet, offered=offers({KEEN: "no GPU", LAZY: (seat(10),)}))
    heard, unheard = wait_for(ledger, KEEN), wait_for(ledger, KEEN, listened=False)
    placer.round()
    assert (ledger.state(heard.id), ledger.state(unheard.id)) == ("failed", "queued")
    [(_, end)] = ledger.log(heard.id)
    assert isinstance(end, Failed)
    assert end.code == ModelUnplaceable.code
    assert "a: no GPU" in end.message


def test_one_placer_is_elected(fleet: Fleet, placer: Placer, told: QueueSettings) -> None:
    """Another writes nothing, whichever keeper reconciles."""
    placer.round()
    report_node(fleet)
    Placer(fleet.redis, told, 10, "keeper-2").round()
    assert fleet.all_assignments() == {}
    placer.round()
    assert set(fleet.all_assignments()) == {"a"}


def test_who_lost_the_seat_remembers_nothing(
    fleet: Fleet, placer: Placer, told: QueueSettings
) -> None:
    """What it saw last says nothing of the time when it did not look."""
    report_node(fleet)
    placer.round()
    assert set(placer.memory.seen_ms) == {"a"}
    fleet.redis.set(Keys(told.key_prefix).placer, "keeper-2")
    placer.round()
    assert placer.memory == Memory()


def test_a_catalog_with_a_fault_ends_nobody(
    fleet: Fleet, placer: Placer, told: QueueSettings
) -> None:
    """The placer goes on as soon as it can be read."""
    told.models_file.write_text("[[model]")
    report_node(fleet)
    thread = threading.Thread(target=placer.run)
    thread.start()
    time.sleep(0.6)
    assert thread.is_alive()
    told.models_file.write_text(CATALOG)
    until(lambda: fleet.assignments("a") != {})
    placer.stop()
    thread.join()


def test_what_nobody_thought_of_ends_nobody(
    fleet: Fleet, placer: Placer, told: QueueSettings
) -> None:
    """A name that is no text lies among the wishes: once it is gone, models are placed again."""
    wishes = Keys(told.key_prefix).wishes
    fleet.redis.hset(wishes, b"\xff", b"{}")
    report_node(fleet)
    thread = threading.Thread(target=placer.run)
    thread.start()
    time.sleep(0.6)
    assert thread.is_alive()
    fleet.redis.hdel(wishes, b"\xff")
    time.sleep(0.6)
    placer.stop()
    thread.join()
    assert "keen" in fleet.assignments("a")


def test_a_node_that_is_silent_for_a_week_is_forgotten(fleet: Fleet, placer: Placer) -> None:
    """With what it was to serve; one that is silent since yesterday may come back."""
    report_node(fleet)
    now, day_ms = now_ms(fleet.redis), 24 * 3_600_000
    for name, days in (("yesterday", 1), ("long ago", 8)):
        fleet.report(a_node(name, 100, expires_ms=now - days * day_ms))
        fleet.assign(name, {"keen": Assignment("cpu")})
    placer.round()
    assert set(fleet.all_nodes()) == {"a", "yesterday"}
    assert "long ago" not in fleet.all_assignments()
    assert fleet.assignments("yesterday") == {"keen": Assignment("cpu")}


def test_redis_may_be_away(mortal_redis: RedisServer, told: QueueSettings) -> None:
    """The placer goes on when it is back, and holds nobody's silence against him."""
    own = told.model_copy(update={"queue_url": mortal_redis.url})
    fleet = Fleet(connect(own.queue_url, timeout_s=0.5), own)
    placer = Placer(connect(own.queue_url, timeout_s=0.5), own, 10, "keeper")
    thread = threading.Thread(target=placer.run)
    thread.start()
    report_node(fleet)
    until(lambda: fleet.assignments("a") != {})
    mortal_redis.kill()
    until(lambda: placer.memory == Memory())
    mortal_redis.start()
    fleet.redis.flushall()
    report_node(fleet)
    until(lambda: fleet.assignments("a") != {})
    assert thread.is_alive()
    placer.stop()
    thread.join()


def until(true: object) -> None:
    """Wait for it, ten seconds at most."""
    assert callable(true)
    give_up_at = time.monotonic() + 10
    while not true():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


# ---- what is read -----------------------------------------------------------------------------


@pytest.fixture
def reader(client: Client, told: QueueSettings) -> FactsReader:
    """A reader of the facts."""
    return FactsReader(client, told, 10)


def test_queues_are_read_as_they_are(reader: FactsReader, ledger: Ledger) -> None:
    """Waiting, running, and for how long the oldest has waited."""
    for _ in range(3):
        wait_for(ledger, LAZY)
    assert isinstance(ledger.claim(LAZY.queue, "w"), Claim)
    time.sleep(0.05)
    queues = reader.read((KEEN, LAZY), Memory()).queues
    assert (queues["lazy"].waiting, queues["lazy"].running) == (2, 1)
    assert 0.05 <= queues["lazy"].oldest_wait_s < 5
    assert queues["keen"] == Queue()


def test_nodes_and_workers_that_ended_are_left_out(
    reader: FactsReader, fleet: Fleet, client: Client, told: QueueSettings
) -> None:
    """Those whose reports are over, and those whose process has ended here."""
    now, roster = now_ms(client), Roster(client, told)
    mine: dict[str, Any] = {"host": hosts.this_host(), "pid": os.getpid()}
    mine["born"] = hosts.born(os.getpid()) or 0
    gone = mine | {"born": 1}

    def node(name: str, expires_ms: int, process: dict[str, Any]) -> NodeReport:
        return a_node(name, expires_ms=expires_ms, **process)

    def worker(expires_ms: int, process: dict[str, Any], **fields: Any) -> Report:
        return a_report("a", expires_ms=expires_ms, **(process | fields))

    fleet.report(node("here", now + 5_000, mine))
    fleet.report(node("over", now - 1, mine))
    fleet.report(node("gone", now + 5_000, gone))
    roster.report(KEEN.queue, "here", worker(now + 5_000, mine, reason="here"))
    roster.report(KEEN.queue, "over", worker(now - 1, mine))
    roster.report(KEEN.queue, "gone", worker(now + 5_000, gone))
    roster.report(KEEN.queue, "failed", worker(now + 5_000, gone, state="failed", reason="bad"))
    facts = reader.read((KEEN,), Memory())
    assert set(facts.nodes) == {"here"}
    assert {report.reason for report in facts.workers["keen"]} == {"here", "bad"}


def test_facts_are_read_in_one_round_trip(
    reader: FactsReader, client: Client, told: QueueSettings
) -> None:
    """Once the script is known: four times a second, for many models."""
    models = tuple(a_model(f"m{i}") for i in range(30))
    reader.read(models, Memory())
    before = client.info("commandstats")["cmdstat_exec"]["calls"]
    reader.read(models, Memory())
    assert client.info("commandstats")["cmdstat_exec"]["calls"] == before + 1
