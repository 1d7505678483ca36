"""Equal requests share one job, which lives until the last of them leaves."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest

from tasks import events
from tasks.claims import Shared
from tasks.connection import now_ms
from tasks.events import Done, Usage
from tasks.jobs import ChatJob, Message, Priority, new_id
from tasks.ledger import Claim, Entry, Ledger
from tasks.settings import QueueSettings
from tasks.terms import Terms

QUEUE = "chat.m"
SHARE = "a-fingerprint"


@pytest.fixture
def terms(settings: QueueSettings) -> Terms:
    """Terms of a request that shares its job."""
    return replace(Terms.listened(settings), share=SHARE)


def a_job(**changes: Any) -> ChatJob:
    """A chat job."""
    fields: dict[str, Any] = {
        "id": new_id(),
        "model": "m",
        "messages": (Message("user", "hi"),),
    }
    return ChatJob(**(fields | changes))


def accepted(ledger: Ledger, terms: Terms) -> str:
    """The id of a new job, which is accepted."""
    job = a_job()
    ledger.accept(job, QUEUE, terms)
    return job.id


def shared(ledger: Ledger, terms: Terms) -> str:
    """The job that a new request shares, which there must be."""
    with pytest.raises(Shared) as found:
        ledger.accept(a_job(), QUEUE, terms)
    return found.value.job_id


def ended(ledger: Ledger) -> None:
    """The next job is claimed, and done."""
    claim = ledger.claim(QUEUE, "w1")
    assert isinstance(claim, Claim)
    done = events.encode(Done(Usage(1)))
    ledger.append([Entry(claim, QUEUE, 1, [done], "done")])


def test_an_equal_request_shares_the_job_that_waits(ledger: Ledger, terms: Terms) -> None:
    """The second of two equal requests is told of the first one's job."""
    first = accepted(ledger, terms)
    assert shared(ledger, terms) == first


def test_a_shared_request_has_no_place_in_the_queue(ledger: Ledger, terms: Terms) -> None:
    """Of three equal requests one waits."""
    accepted(ledger, terms)
    shared(ledger, terms)
    shared(ledger, terms)
    assert ledger.waiting(QUEUE) == 1


def test_an_equal_request_shares_the_job_that_runs(ledger: Ledger, terms: Terms) -> None:
    """A running job is shared as a waiting one is."""
    first = accepted(ledger, terms)
    ledger.claim(QUEUE, "w1")
    assert shared(ledger, terms) == first


def test_a_job_that_was_done_a_moment_ago_is_shared(ledger: Ledger, terms: Terms) -> None:
    """Between a job's end and the moment when its answer can be found elsewhere lies no gap."""
    first = accepted(ledger, terms)
    ended(ledger)
    assert shared(ledger, terms) == first


def test_a_job_that_was_done_long_ago_is_not_shared(ledger: Ledger, terms: Terms) -> None:
    """Three seconds after its end a job is asked for anew."""
    first = accepted(ledger, terms)
    ended(ledger)
    ledger.redis.hset(ledger.keys.job(first), "finished_ms", now_ms(ledger.redis) - 3_000)
    assert accepted(ledger, terms) != first


def test_requests_with_other_fingerprints_do_not_share(ledger: Ledger, terms: Terms) -> None:
    """Another fingerprint is another job."""
    accepted(ledger, terms)
    accepted(ledger, replace(terms, share="another"))
    assert ledger.waiting(QUEUE) == 2


def test_the_first_to_leave_ends_nothing(ledger: Ledger, terms: Terms) -> None:
    """While another shares the job, a request that leaves does not cancel it."""
    first = accepted(ledger, terms)
    shared(ledger, terms)
    assert ledger.cancel(first, QUEUE, leaving=True) == "shared"
    assert ledger.state(first) == "queued"


def test_the_last_to_leave_cancels(ledger: Ledger, terms: Terms) -> None:
    """When all that share a job have left it, it is cancelled."""
    first = accepted(ledger, terms)
    shared(ledger, terms)
    ledger.cancel(first, QUEUE, leaving=True)
    assert ledger.cancel(first, QUEUE, leaving=True) == "cancelled"


def test_a_cancelled_job_is_not_shared(ledger: Ledger, terms: Terms) -> None:
    """An equal request after a cancellation gets a job of its own."""
    first = accepted(ledger, terms)
    ledger.cancel(first, QUEUE)
    assert accepted(ledger, terms) != first


def test_a_job_that_is_being_cancelled_is_not_shared(ledger: Ledger, terms: Terms) -> None:
    """A running job that was asked to stop is nobody's any more."""
    first = accepted(ledger, terms)
    ledger.claim(QUEUE, "w1")
    ledger.cancel(first, QUEUE)
    assert accepted(ledger, terms) != first


def test_an_owner_s_cancellation_asks_nobody(ledger: Ledger, terms: Terms) -> None:
    """Who cancels a job by its id ends it for all that share it."""
    first = accepted(ledger, terms)
    shared(ledger, terms)
    assert ledger.cancel(first, QUEUE) == "cancelled"


def test_sharing_renews_the_listener_s_lease(ledger: Ledger, terms: Terms) -> None:
    """Whoever joins a job keeps it alive for as long as a listener of its own would."""
    first = accepted(ledger, replace(terms, listen_s=1.0))
    shared(ledger, replace(terms, listen_s=100.0))
    until_ms = ledger.redis.zscore(ledger.keys.listeners, first)
    assert until_ms > now_ms(ledger.redis) + 90_000


def test_an_operator_ends_the_sharing(ledger: Ledger, terms: Terms) -> None:
    """After it an equal request is computed anew, whoever computes it already."""
    first = accepted(ledger, terms)
    ledger.unshare()
    assert accepted(ledger, terms) != first


def test_sixty_four_equal_requests_at_once_make_one_job(ledger: Ledger, terms: Terms) -> None:
    """However they meet, one is accepted and the others share it."""
    outcomes: list[str] = []

    def ask() -> None:
        try:
            outcomes.append(accepted(ledger, terms))
        except Shared as other:
            outcomes.append(other.job_id)

    threads = [threading.Thread(target=ask) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 64
    assert len(set(outcomes)) == 1


def test_a_job_of_a_batch_is_not_in_its_owner_s_list(ledger: Ledger) -> None:
    """Thousands of them would hide the jobs that were asked for one by one."""
    ledger.accept(a_job(priority=Priority.BATCH), QUEUE, Terms.of_batch())
    assert ledger.redis.zcard(ledger.keys.index("local")) == 0


def test_the_end_of_a_batch_s_job_is_news(ledger: Ledger) -> None:
    """Whoever drives the batch is woken by it."""
    ledger.accept(a_job(priority=Priority.BATCH), QUEUE, Terms.of_batch())
    ended(ledger)
    assert ledger.redis.llen(ledger.keys.batch_news) == 1


def test_the_end_of_another_job_is_no_news(ledger: Ledger, settings: QueueSettings) -> None:
    """A job that is of no batch wakes nobody."""
    ledger.accept(a_job(), QUEUE, Terms.listened(settings))
    ended(ledger)
    assert ledger.redis.llen(ledger.keys.batch_news) == 0
