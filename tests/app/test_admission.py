"""What no node can ever serve is refused at the door."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app.admission import Admission
from tasks.catalog import load_catalog
from tasks.connection import connect, now_ms
from tasks.errors import ModelUnplaceable
from tasks.fleet import Fleet, Placement
from tasks.gateway import Gateway
from tasks.model import Model
from tasks.roster import Report
from tasks.settings import QueueSettings
from tests.app.asking import accepted_ids, ask
from tests.app.conftest import MODELS
from tests.conftest import RedisServer

ABSENT = Model(name="absent", kind="chat", source="echo:")
UNPLACEABLE = {"absent": Placement("unplaceable", reason="box: it has no GPU")}


def told(gateway: Gateway, placements: dict[str, Placement]) -> None:
    """The placer said this, and it is known at the door."""
    gateway.fleet.place(placements)
    time.sleep(0.6)


def test_a_job_that_nobody_can_serve_is_refused(http: FlaskClient, gateway: Gateway) -> None:
    """503 with the reason, also for the background; nothing is accepted."""
    told(gateway, UNPLACEABLE)
    for headers in ({}, {"Prefer": "respond-async"}):
        answer = ask(http, model="absent", headers=headers)
        assert answer.status_code == 503
        assert answer.json["error"]["code"] == "model_unplaceable"
        assert "box: it has no GPU" in answer.json["error"]["message"]
    assert accepted_ids(gateway) == []


def is_refused(gateway: Gateway) -> bool:
    """Whether a request for the model is turned away at the door."""
    try:
        Admission(gateway).check(ABSENT)
    except ModelUnplaceable:
        return True
    return False


@pytest.mark.parametrize("state", ["waiting", "unloaded", "placed"])
def test_a_model_that_may_yet_come_is_waited_for(gateway: Gateway, state: str) -> None:
    """Only what can never be is refused."""
    told(gateway, {"absent": Placement(state)})  # type: ignore[arg-type]
    assert not is_refused(gateway)


def test_a_worker_of_its_own_serves_what_no_node_can(gateway: Gateway) -> None:
    """The placer has not seen it yet."""
    told(gateway, UNPLACEABLE)
    assert is_refused(gateway)
    expires_ms = now_ms(gateway.redis) + 5_000
    report = Report(node="w", state="loading", pid=1, slots=1, context=9, expires_ms=expires_ms)
    gateway.roster.report(ABSENT.queue, "w", report)
    assert not is_refused(gateway)


def test_the_first_request_is_refused_too(gateway: Gateway) -> None:
    """A process that has read nothing yet waits a moment for what was said."""
    told(gateway, UNPLACEABLE)
    with pytest.raises(ModelUnplaceable):
        Admission(gateway).check(ABSENT)


def test_a_node_that_came_back_is_believed_at_once(gateway: Gateway) -> None:
    """What the door knows may be old; a refusal never is."""
    told(gateway, UNPLACEABLE)
    door = Admission(gateway)
    with pytest.raises(ModelUnplaceable):
        door.check(ABSENT)
    gateway.fleet.place({"absent": Placement("placed", ("box",))})
    door.check(ABSENT)


@pytest.fixture
def own(mortal_redis: RedisServer, settings: QueueSettings, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway to a Redis that the test may kill."""
    models = tmp_path / "models.toml"
    models.write_text(MODELS)
    own = settings.model_copy(update={"queue_url": mortal_redis.url, "models_file": models})
    gateway = Gateway(own, load_catalog(own), client=connect(own.queue_url, timeout_s=2))
    yield gateway
    gateway.close()


def test_redis_being_away_is_not_the_doors_to_say(own: Gateway, mortal_redis: RedisServer) -> None:
    """Nobody is refused for it, and nobody waits for it here."""
    Fleet(own.redis, own.settings).place(UNPLACEABLE)
    door = Admission(own)
    with pytest.raises(ModelUnplaceable):
        door.check(ABSENT)
    mortal_redis.kill()
    began = time.monotonic()
    door.check(ABSENT)
    time.sleep(0.6)
    for _ in range(20):
        door.check(ABSENT)
    assert time.monotonic() - began < 3


def test_requests_read_placements_twice_a_second_at_most(gateway: Gateway) -> None:
    """However many come."""
    door = Admission(gateway)
    door.check(ABSENT)
    before = hgetalls(gateway)
    for _ in range(200):
        door.check(ABSENT)
    assert hgetalls(gateway) <= before + 1


def hgetalls(gateway: Gateway) -> int:
    """How many hashes were read so far."""
    return int(gateway.redis.info("commandstats")["cmdstat_hgetall"]["calls"])
