"""What the ledger refuses before it writes anything."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tasks.claims import AlreadyAsked
from tasks.connection import connect
from tasks.errors import IdempotencyConflict, QueueFull, QueueOutOfMemory
from tasks.events import Done, Usage
from tasks.jobs import Priority
from tasks.ledger import Claim, Ledger
from tasks.memory import MemoryGauge
from tasks.settings import QueueSettings
from tasks.terms import Repeat, Terms
from tests.conftest import RedisServer
from tests.tasks.test_ledger import QUEUE, a_job, append, claimed


@pytest.fixture
def three(settings: QueueSettings) -> Terms:
    """Terms under which three jobs may wait."""
    return Terms.listened(settings, max_waiting=3)


def again(terms: Terms, *asked: bytes) -> Terms:
    """The terms of a request that may be sent again."""
    return replace(terms, repeat=Repeat.of("key", *asked))


def test_beyond_the_limit_nothing_is_written(ledger: Ledger, three: Terms) -> None:
    """The one too many leaves no record, no place in the line and no listener."""
    for _ in range(3):
        ledger.accept(a_job(), QUEUE, three)
    refused = a_job()
    with pytest.raises(QueueFull) as full:
        ledger.accept(refused, QUEUE, three)
    assert full.value.retry_after_s == 10
    assert ledger.waiting(QUEUE) == 3
    assert ledger.state(refused.id) is None
    assert ledger.redis.zscore(ledger.keys.listeners, refused.id) is None


def test_running_jobs_take_no_place(ledger: Ledger, three: Terms) -> None:
    """Only what waits counts."""
    for _ in range(3):
        ledger.accept(a_job(), QUEUE, three)
        claimed(ledger)
    assert ledger.accept(a_job(), QUEUE, three)


def test_less_urgent_work_does_not_close_the_door_for_the_more_urgent(
    ledger: Ledger, three: Terms
) -> None:
    """A full line of batch jobs refuses batch jobs alone."""
    for _ in range(3):
        ledger.accept(a_job(priority=Priority.BATCH), QUEUE, three)
    with pytest.raises(QueueFull):
        ledger.accept(a_job(priority=Priority.BATCH), QUEUE, three)
    assert ledger.accept(a_job(), QUEUE, three)


def test_retry_after_follows_the_models_pace(ledger: Ledger, three: Terms) -> None:
    """A model that ended many jobs in the last second has a place soon."""
    for _ in range(20):
        ledger.accept(a_job(), QUEUE, three)
        append(ledger, claimed(ledger), 1, Done(Usage(1, 1)), state="done")
    for _ in range(3):
        ledger.accept(a_job(), QUEUE, three)
    with pytest.raises(QueueFull) as full:
        ledger.accept(a_job(), QUEUE, three)
    assert full.value.retry_after_s == 1


def test_the_same_request_is_answered_by_the_first_one(ledger: Ledger, three: Terms) -> None:
    """Its key and its content are the same; nothing new is accepted, also when it is done."""
    first = a_job()
    ledger.accept(first, QUEUE, again(three, b"a"))
    for _ in range(2):
        with pytest.raises(AlreadyAsked) as known:
            ledger.accept(a_job(), QUEUE, again(three, b"a"))
        assert known.value.job_id == first.id
        if isinstance(claim := ledger.claim(QUEUE, "w1"), Claim):
            append(ledger, claim, 1, Done(Usage(1, 1)), state="done")
    assert ledger.state(first.id) == "done"


def test_another_request_under_the_same_key_is_a_conflict(ledger: Ledger, three: Terms) -> None:
    """Also while the first waits; and of another owner it is another key."""
    ledger.accept(a_job(), QUEUE, again(three, b"a"))
    with pytest.raises(IdempotencyConflict):
        ledger.accept(a_job(), QUEUE, again(three, b"b"))
    assert ledger.accept(a_job(owner="other"), QUEUE, again(three, b"b"))


def test_a_cancelled_job_gives_its_key_back(ledger: Ledger, three: Terms) -> None:
    """Its client comes again to have the work done."""
    first = a_job()
    ledger.accept(first, QUEUE, again(three, b"a"))
    ledger.cancel(first.id, QUEUE)
    assert ledger.accept(a_job(), QUEUE, again(three, b"a"))


def test_a_forgotten_job_is_not_done_again(ledger: Ledger, three: Terms) -> None:
    """Its record has expired, its key has not."""
    first = a_job()
    ledger.accept(first, QUEUE, again(three, b"a"))
    append(ledger, claimed(ledger), 1, Done(Usage(1, 1)), state="done")
    ledger.redis.delete(ledger.keys.job(first.id))
    with pytest.raises(AlreadyAsked):
        ledger.accept(a_job(), QUEUE, again(three, b"a"))


def test_a_redis_near_its_limit_takes_no_new_work(mortal_redis: RedisServer) -> None:
    """The gauge says so while Redis still takes what running jobs have to say."""
    client = connect(mortal_redis.url)
    client.config_set("maxmemory", "20mb")
    for n in range(33):
        client.set(f"filler {n}", b"x" * (512 * 1024))
    gauge = MemoryGauge(client, 0.85)
    with pytest.raises(QueueOutOfMemory):
        gauge.check(a_job())
    client.set("a running job's tokens", "more")
    client.flushall()
    MemoryGauge(client, 0.85).check(a_job())
    client.close()


def test_what_was_let_in_since_the_last_reading_counts(mortal_redis: RedisServer) -> None:
    """A burst within a second does not pass the limit unseen."""
    client = connect(mortal_redis.url)
    client.config_set("maxmemory", "20mb")
    gauge = MemoryGauge(client, 0.85)

    def burst() -> None:
        for _ in range(100_000):
            gauge.check(a_job())

    with pytest.raises(QueueOutOfMemory):
        burst()
    client.close()
