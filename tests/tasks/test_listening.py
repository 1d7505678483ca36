"""How long a job is taken for heard: its client leaves, another follows, a process is stopped."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tasks.gateway import Gateway
from tasks.jobs import ChatJob
from tasks.settings import QueueSettings
from tasks.terms import Terms
from tests.tasks.test_gateway import gateway_to, job


@pytest.fixture
def gateway(settings: QueueSettings, tmp_path: Path) -> Iterator[Gateway]:
    """A gateway whose listeners renew once in ten seconds."""
    gateway = gateway_to(settings, tmp_path)
    yield gateway
    gateway.close()


def lease_s(gateway: Gateway, asked: ChatJob) -> float:
    """How long the job goes on with nobody listening, as things stand."""
    until_ms = gateway.redis.zscore(gateway.ledger.keys.listeners, asked.id)
    return float(until_ms) / 1000 - gateway.records.now_s()


def terms(gateway: Gateway, resume_s: float) -> Terms:
    """Somebody listens, and may come back."""
    return Terms.listened(gateway.settings, resume_s=resume_s)


def test_a_followed_job_is_not_let_go_with_its_first_client(gateway: Gateway) -> None:
    """A follower's next sign of life comes before the lease that the first client leaves ends."""
    asked = job(gateway)
    first = gateway.submit(asked, terms(gateway, 1))
    follower = gateway.follow(gateway.records.find(asked.id, asked.owner))
    first.close()
    assert lease_s(gateway, asked) > gateway.settings.listener_lease_s / 3
    follower.close()


def test_an_unfollowed_job_waits_no_longer_than_agreed(gateway: Gateway) -> None:
    """With nobody else there, the lease is as long as the client asked for."""
    asked = job(gateway)
    gateway.submit(asked, terms(gateway, 2)).close()
    assert 0 < lease_s(gateway, asked) <= 2


def test_a_follower_that_is_handed_over_has_as_long_to_come_back(gateway: Gateway) -> None:
    """Its API is stopped in order: the job lives on as long as one of a first client."""
    asked = job(gateway)
    gateway.submit(asked, terms(gateway, 1)).hand_over()
    gateway.follow(gateway.records.find(asked.id, asked.owner)).hand_over()
    assert lease_s(gateway, asked) > gateway.settings.handover_s - 5


def test_a_look_at_a_job_takes_nothing_of_its_time(gateway: Gateway) -> None:
    """Who follows for a moment does not shorten what a handover left."""
    asked = job(gateway)
    gateway.submit(asked, terms(gateway, 0)).hand_over()
    time.sleep(0.1)
    gateway.follow(gateway.records.find(asked.id, asked.owner)).close()
    assert lease_s(gateway, asked) > gateway.settings.handover_s - 5
