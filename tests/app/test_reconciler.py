"""What a death left behind is made good, and nothing else is touched."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from app.metrics.kept import KeeperMetrics
from app.reconciler import Reconciler
from tasks.celery import make_celery
from tasks.jobs import ChatJob, EmbedJob, Message, new_id
from tasks.ledger import Accepted, Claim, Ledger
from tasks.roster import Report, Roster
from tasks.settings import QueueSettings
from tasks.terms import Terms

LEASE_S = 0.1


@pytest.fixture
def brief(settings: QueueSettings) -> QueueSettings:
    """Settings under which everything ends soon."""
    times = {"lease_s": LEASE_S, "listener_lease_s": 0.1, "reconcile_s": 0.05}
    return settings.model_copy(update=times)


@pytest.fixture
def keeper(ledger: Ledger, brief: QueueSettings) -> Reconciler:
    """A candidate that has watched for long enough after two rounds with a pause."""
    return Reconciler(ledger, Roster(ledger.redis, brief), make_celery(brief), brief, "keeper-1")


@pytest.fixture
def queue(ledger: Ledger, brief: QueueSettings) -> Iterator[str]:
    """A queue of the test's own: tickets have no prefix."""
    name = f"chat.{brief.key_prefix}"
    yield name
    ledger.redis.delete(name)


def accept(ledger: Ledger, queue: str, *, listened: bool = False) -> ChatJob:
    """A waiting job."""
    job = ChatJob(id=new_id(), model="m", messages=(Message("user", "x"),))
    terms = Terms.listened if listened else Terms.background
    ledger.accept(job, queue, terms(ledger.settings))
    return job


def watch(keeper: Reconciler) -> None:
    """Two rounds with more than a lease between them."""
    keeper.round()
    time.sleep(LEASE_S * 1.5)
    keeper.round()


def test_missing_tickets_are_published_once(keeper: Reconciler, ledger: Ledger, queue: str) -> None:
    """As many as jobs wait, and not again in the next round."""
    for _ in range(3):
        accept(ledger, queue)
    keeper.round()
    assert ledger.redis.llen(queue) == 3
    keeper.round()
    assert ledger.redis.llen(queue) == 3


def test_an_orphan_waits_again_with_a_ticket(
    keeper: Reconciler, ledger: Ledger, brief: QueueSettings, queue: str
) -> None:
    """After its lease, and after the keeper has watched for one."""
    accept(ledger, queue)
    claim = Ledger(ledger.redis, brief).claim(queue, "dead")
    assert isinstance(claim, Claim)
    watch(keeper)
    assert ledger.state(claim.job_id) == "queued"
    assert ledger.redis.llen(queue) == 1


def test_a_strike_and_the_ticket_that_it_took_are_counted(
    ledger: Ledger, brief: QueueSettings, queue: str
) -> None:
    """By the model whose worker died."""
    metrics = KeeperMetrics()
    roster = Roster(ledger.redis, brief)
    keeper = Reconciler(ledger, roster, make_celery(brief), brief, "keeper-1", metrics=metrics)
    accept(ledger, queue)
    assert isinstance(Ledger(ledger.redis, brief).claim(queue, "dead"), Claim)
    watch(keeper)
    model = {"model": brief.key_prefix}
    for name in ("job_strikes", "tickets_made_good"):
        assert metrics.registry.get_sample_value(f"millrace_{name}_total", model) == 1


def test_a_keeper_that_just_came_judges_nobody(
    keeper: Reconciler, ledger: Ledger, brief: QueueSettings, queue: str
) -> None:
    """Workers that could not renew while Redis was away get the time to do so."""
    accept(ledger, queue)
    claim = Ledger(ledger.redis, brief).claim(queue, "alive")
    assert isinstance(claim, Claim)
    time.sleep(LEASE_S * 1.5)
    keeper.round()
    assert ledger.state(claim.job_id) == "running"


def test_a_job_whose_listener_died_is_cancelled(
    keeper: Reconciler, ledger: Ledger, brief: QueueSettings, queue: str
) -> None:
    """The API that served it renews no more, and nobody else asked for it."""
    job = ChatJob(id=new_id(), model="m", messages=(Message("user", "x"),))
    Ledger(ledger.redis, brief).accept(job, queue)
    kept = accept(ledger, queue)
    watch(keeper)
    assert ledger.state(job.id) == "cancelled"
    assert ledger.state(kept.id) == "queued"


def test_a_listener_of_a_vanished_job_is_forgotten(keeper: Reconciler, ledger: Ledger) -> None:
    """A job without a record leaves no entry behind that would come up for ever."""
    ledger.redis.zadd(ledger.keys.listeners, {"nobody": 1})
    watch(keeper)
    assert ledger.redis.zcard(ledger.keys.listeners) == 0


def test_only_the_elected_keeper_works(
    keeper: Reconciler, ledger: Ledger, brief: QueueSettings, queue: str
) -> None:
    """A second candidate reports and publishes nothing."""
    keeper.round()
    accept(ledger, queue)
    Reconciler(ledger, Roster(ledger.redis, brief), make_celery(brief), brief, "keeper-2").round()
    assert ledger.redis.llen(queue) == 0
    assert Roster(ledger.redis, brief).keeper() == "keeper-2"


def test_reports_of_the_dead_are_dropped(
    keeper: Reconciler, ledger: Ledger, brief: QueueSettings, queue: str
) -> None:
    """A worker that was killed leaves no report behind."""
    accept(ledger, queue)
    report = Report(node="n", state="ready", pid=1, slots=1, context=1, expires_ms=1)
    Roster(ledger.redis, brief).report(queue, "dead", report)
    keeper.round()
    assert ledger.redis.hlen(ledger.keys.workers(queue)) == 0


def test_a_job_whose_waker_died_gets_a_ticket_in_the_next_round(
    keeper: Reconciler, ledger: Ledger, brief: QueueSettings
) -> None:
    """It was accepted without one, for a worker that waited to be woken and is gone."""
    queue = f"embed.{brief.key_prefix}"
    assert ledger.claim_many(queue, "dead", 8, watch_s=60) == "none"
    job = EmbedJob(id=new_id(), model="m", texts=("a",))
    assert ledger.accept(job, queue, Terms.background(brief)) is Accepted.AWAITED
    assert ledger.redis.llen(queue) == 0
    keeper.round()
    assert ledger.redis.llen(queue) == 1
    ledger.redis.delete(queue)
