"""The identities of models, read beside the requests."""

from __future__ import annotations

import time
from pathlib import Path

from app.cache.known import FRESH_S, STALE_S, KnownIdentities
from tasks.catalog import load_catalog
from tasks.gateway import Gateway
from tasks.identities import Identities
from tasks.settings import QueueSettings
from tests.app.conftest import MODELS
from tests.conftest import RedisServer


def say(gateway: Gateway, digest: str) -> None:
    """What a worker says."""
    said = Identities(gateway.redis, gateway.settings)
    said.say(gateway.catalog.find("echo"), digest)


def test_the_first_request_knows_it(gateway: Gateway) -> None:
    """It waits the moment that it takes; what nobody said is not known."""
    say(gateway, "first")
    known = KnownIdentities(gateway)
    assert (known.of("echo"), known.of("absent")) == ("first", None)


def test_a_change_is_known_within_a_second(gateway: Gateway) -> None:
    """While requests come, and to the first after a pause."""
    say(gateway, "first")
    known = KnownIdentities(gateway)
    assert known.of("echo") == "first"
    say(gateway, "second")
    give_up_at = time.monotonic() + 1
    while known.of("echo") != "second":
        assert time.monotonic() < give_up_at
        time.sleep(FRESH_S / 10)
    say(gateway, "third")
    time.sleep(STALE_S + 0.1)
    assert known.of("echo") == "third"


def test_what_was_known_holds_while_redis_is_away(
    mortal_redis: RedisServer, tmp_path: Path
) -> None:
    """Its answers are in another one; and nobody waits long for the one that is away."""
    models = tmp_path / "models.toml"
    models.write_text(MODELS)
    settings = QueueSettings(queue_url=mortal_redis.url, models_file=models)
    gateway = Gateway(settings, load_catalog(settings))
    say(gateway, "first")
    known = KnownIdentities(gateway)
    assert known.of("echo") == "first"
    mortal_redis.kill()
    time.sleep(STALE_S + 0.1)
    started = time.monotonic()
    assert [known.of("echo") for _ in range(50)] == ["first"] * 50
    assert time.monotonic() - started < 0.5
    gateway.close()
