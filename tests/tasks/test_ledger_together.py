"""Many jobs in one claim, and jobs without a ticket: the ledger's promises, on a real Redis."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest

from tasks import events
from tasks.acceptance import ENOUGH_TICKETS
from tasks.events import Done, Usage
from tasks.jobs import EmbedJob, new_id
from tasks.ledger import Accepted, Append, Claim, Entry, Ledger
from tasks.settings import QueueSettings
from tasks.upkeep import Upkeep

QUEUE = "embed.m"


@pytest.fixture
def queue(settings: QueueSettings, ledger: Ledger) -> Iterator[str]:
    """A queue of the test's own: tickets have no prefix."""
    name = f"embed.{settings.key_prefix}"
    yield name
    ledger.redis.delete(name)


def accept(ledger: Ledger, queue: str = QUEUE, owner: str = "local") -> str:
    """A job that waits; its id."""
    job = EmbedJob(id=new_id(), model="m", texts=("a",), owner=owner)
    ledger.accept(job, queue)
    return job.id


def claimed(ledger: Ledger, most: int, holder: str = "w1", watch_s: float = 0) -> list[Claim]:
    """What is claimed, which must be something."""
    claims = ledger.claim_many(QUEUE, holder, most, watch_s=watch_s)
    assert isinstance(claims, list)
    return claims


def strike(ledger: Ledger, settings: QueueSettings, times: int) -> None:
    """Let a process die with the next job, so many times."""
    short = Ledger(ledger.redis, settings.model_copy(update={"lease_s": 0.02}))
    for _ in range(times):
        assert isinstance(short.claim(QUEUE, "dead"), Claim)
        time.sleep(0.03)
        assert [became for _, became in Upkeep(short.redis, short.settings).reap(QUEUE)] == [
            "queued"
        ]


def test_a_claim_of_many_takes_them_in_order(ledger: Ledger) -> None:
    """As many as were asked for, in the order in which they would be claimed one by one."""
    ids = []
    for _ in range(5):
        ids.append(accept(ledger))
        time.sleep(0.001)  # ids sort by the millisecond
    assert [claim.job_id for claim in claimed(ledger, 3)] == ids[:3]
    assert [claim.job_id for claim in claimed(ledger, 3)] == ids[3:]
    assert ledger.claim_many(QUEUE, "w1", 3) == "none"


def test_owners_take_turns_within_a_claim(ledger: Ledger) -> None:
    """One who has many waiting leaves half of a claim to one who has a few."""
    for _ in range(20):
        accept(ledger, owner="many")
    few = {accept(ledger, owner="few") for _ in range(4)}
    assert few <= {claim.job_id for claim in claimed(ledger, 8)}


def test_each_of_many_is_fenced_by_itself(ledger: Ledger) -> None:
    """Claimed together, they end apart: one that another attempt took is fenced, others are not."""
    for _ in range(3):
        accept(ledger)
    claims = claimed(ledger, 3)
    ledger.redis.hset(ledger.keys.job(claims[1].job_id), "attempt", 9)
    done = [events.encode(Done(Usage(1)))]
    answers = ledger.append([Entry(claim, QUEUE, 1, done, "done") for claim in claims])
    assert [answer.status for answer in answers] == [Append.LOGGED, Append.FENCED, Append.LOGGED]
    assert ledger.redis.zcard(ledger.keys.running(QUEUE)) == 1


def test_many_have_a_lease_each(ledger: Ledger, settings: QueueSettings) -> None:
    """When their worker dies, all return to waiting, with a strike each."""
    ids = {accept(ledger) for _ in range(30)}
    short = Ledger(ledger.redis, settings.model_copy(update={"lease_s": 0.02}))
    assert len(claimed(short, 64)) == 30
    time.sleep(0.03)
    assert {
        job_id
        for job_id, became in Upkeep(short.redis, short.settings).reap(QUEUE)
        if became == "queued"
    } == ids
    assert {ledger.record(job_id)["strikes"] for job_id in ids} == {"1"}
    assert {claim.job_id for claim in claimed(ledger, 64, "w2")} == ids


def test_a_job_with_two_strikes_is_claimed_alone(ledger: Ledger, settings: QueueSettings) -> None:
    """It ends a claim that it begins, and waits where it would come after others."""
    suspect = accept(ledger)
    strike(ledger, settings, 2)
    accept(ledger, owner="x")
    [claim] = claimed(ledger, 8)
    assert claim.job_id == suspect
    assert ledger.claim_many(QUEUE, "w1", 8) == "later"
    assert len(claimed(ledger, 8, "w2")) == 1


def test_a_job_with_two_strikes_joins_nobody(ledger: Ledger, settings: QueueSettings) -> None:
    """A claim that would reach it after others stops before it."""
    accept(ledger)
    strike(ledger, settings, 2)
    first = accept(ledger, owner="x")
    job = ledger.keys.job(first)
    # Interrupted earlier than the suspect was accepted: it goes first.
    ledger.redis.zrem(ledger.keys.waiting(QUEUE) + ":0", first)
    ledger.redis.zadd(ledger.keys.waiting(QUEUE) + ":resume", {first: 1})
    ledger.redis.hset(job, "accepted_ms", 1)
    assert [claim.job_id for claim in claimed(ledger, 8)] == [first]
    assert ledger.claim_many(QUEUE, "w1", 8) == "later"


def test_a_job_without_a_worker_needs_a_ticket(ledger: Ledger, queue: str) -> None:
    """Until enough tickets lie in the queue; chat queues need one for every job."""
    for _ in range(ENOUGH_TICKETS):
        job = EmbedJob(id=new_id(), model="m", texts=("a",))
        assert ledger.accept(job, queue) is Accepted.NEEDS_TICKET
        assert ledger.accept(job, queue) is Accepted.KNOWN
        ledger.redis.lpush(queue, "ticket")
    late = EmbedJob(id=new_id(), model="m", texts=("a",))
    assert ledger.accept(late, queue) is Accepted.AWAITED
    ledger.redis.rpop(queue)
    later = EmbedJob(id=new_id(), model="m", texts=("a",))
    assert ledger.accept(later, queue) is Accepted.NEEDS_TICKET


def test_who_watches_is_woken_by_the_next_job(ledger: Ledger, queue: str) -> None:
    """At once, and the job needs no ticket."""
    assert ledger.claim_many(queue, "w1", 8, watch_s=5) == "none"
    woken = threading.Event()

    def watch() -> None:
        ledger.watch(queue, 5)
        woken.set()

    thread = threading.Thread(target=watch)
    thread.start()
    job = EmbedJob(id=new_id(), model="m", texts=("a",))
    assert ledger.accept(job, queue) is Accepted.AWAITED
    assert woken.wait(2)
    thread.join()


@pytest.mark.parametrize("leave", ["claims_and_goes", "has_no_room", "looks_away", "dies"])
def test_who_does_not_watch_any_more_leaves_no_job_without_a_ticket(
    ledger: Ledger, queue: str, leave: str
) -> None:
    """However it leaves, the next job gets a ticket again."""
    ledger.claim_many(queue, "w1", 8, watch_s=0.02 if leave == "dies" else 5)
    if leave == "claims_and_goes":
        ledger.claim_many(queue, "w1", 8)
    elif leave == "has_no_room":
        accept(ledger, queue)
        ledger.claim_many(queue, "w1", 1, watch_s=5)
    elif leave == "looks_away":
        ledger.look_away(queue)
    else:
        time.sleep(0.03)
    job = EmbedJob(id=new_id(), model="m", texts=("a",))
    assert ledger.accept(job, queue) is Accepted.NEEDS_TICKET


def test_a_job_accepted_without_a_ticket_is_found_missing_one(ledger: Ledger, queue: str) -> None:
    """Should the worker that was to claim it die: at most enough tickets are missing."""
    ledger.claim_many(queue, "w1", 8, watch_s=5)
    accept(ledger, queue)
    assert Upkeep(ledger.redis, ledger.settings).missing_tickets(queue) == 1
    for _ in range(2 * ENOUGH_TICKETS):
        accept(ledger, queue)
    assert Upkeep(ledger.redis, ledger.settings).missing_tickets(queue) == ENOUGH_TICKETS
    ledger.redis.lpush(queue, "ticket")
    assert Upkeep(ledger.redis, ledger.settings).missing_tickets(queue) == ENOUGH_TICKETS - 1
