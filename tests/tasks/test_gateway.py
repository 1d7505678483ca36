"""The way into the queue."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.catalog import load_catalog
from tasks.errors import QueueUnavailable, UnknownModel
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, Message, new_id
from tasks.settings import QueueSettings
from tests.conftest import RedisServer, free_port


def gateway_to(settings: QueueSettings, tmp_path: Path) -> Gateway:
    """A gateway with one echo model, whose queue no other test has."""
    file = tmp_path / "models.toml"
    name = settings.key_prefix
    file.write_text(f'[[model]]\nname = "{name}"\nkind = "chat"\nsource = "echo:"\n')
    return Gateway(settings, load_catalog(settings.model_copy(update={"models_file": file})))


@pytest.fixture
def gateway(settings: QueueSettings, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway to the shared Redis."""
    gateway = gateway_to(settings, tmp_path)
    yield gateway
    gateway.close()


def job(gateway: Gateway) -> ChatJob:
    """A job for the gateway's model."""
    model = gateway.settings.key_prefix
    return ChatJob(id=new_id(), model=model, messages=(Message("user", "the-prompt"),))


def test_a_submitted_job_waits_with_a_ticket_that_says_nothing(gateway: Gateway) -> None:
    """The ledger has the job, the queue one message with its id and no word of its prompt."""
    submitted = job(gateway)
    subscription = gateway.submit(submitted)
    queue = gateway.catalog.models[0].queue
    for _ in range(100):
        if gateway.redis.llen(queue):
            break
        time.sleep(0.02)
    [ticket] = gateway.redis.lrange(queue, 0, -1)
    assert json.loads(ticket)["headers"]["argsrepr"] == f"['{submitted.id}']"
    assert b"the-prompt" not in ticket
    assert gateway.ledger.state(submitted.id) == "queued"
    subscription.close()
    assert gateway.ledger.state(submitted.id) == "cancelled"


def test_forty_submissions_at_once_all_get_a_ticket(gateway: Gateway) -> None:
    """One thread publishes for all."""
    subscriptions = [gateway.submit(job(gateway)) for _ in range(40)]
    queue = gateway.catalog.models[0].queue
    for _ in range(200):
        if gateway.redis.llen(queue) == 40:
            break
        time.sleep(0.02)
    assert gateway.redis.llen(queue) == 40
    for subscription in subscriptions:
        subscription.close()


def test_an_unknown_model_is_refused_before_anything_is_written(gateway: Gateway) -> None:
    """Nothing is accepted."""
    with pytest.raises(UnknownModel):
        gateway.submit(ChatJob(id="x", model="nobody", messages=()))
    assert gateway.ledger.state("x") is None


def test_without_redis_submitting_fails_soon(settings: QueueSettings, tmp_path: Path) -> None:
    """A typed error within seconds: nothing hangs."""
    nowhere = settings.model_copy(update={"queue_url": f"redis://127.0.0.1:{free_port()}/0"})
    gateway = gateway_to(nowhere, tmp_path)
    began = time.monotonic()
    with pytest.raises(QueueUnavailable):
        gateway.submit(job(gateway))
    assert time.monotonic() - began < 5
    gateway.close()


def test_tickets_are_published_when_redis_is_back(
    mortal_redis: RedisServer, settings: QueueSettings, tmp_path: Path
) -> None:
    """What could not be published waits for the next connection."""
    own = settings.model_copy(update={"queue_url": mortal_redis.url})
    gateway = gateway_to(own, tmp_path)
    gateway.submit(job(gateway))
    queue = gateway.catalog.models[0].queue
    time.sleep(1.2)
    assert gateway.redis.llen(queue) == 1
    mortal_redis.kill()
    gateway._tickets.publish(queue, "second")
    time.sleep(0.3)
    mortal_redis.start()
    for _ in range(100):
        if gateway.redis.llen(queue) == 2:
            break
        time.sleep(0.05)
    assert gateway.redis.llen(queue) == 2
    gateway.close()
