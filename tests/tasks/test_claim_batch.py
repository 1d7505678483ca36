"""Claims that leave batch jobs to wait: a real Redis."""

from __future__ import annotations

from tasks.jobs import EmbedJob, Priority, new_id
from tasks.ledger import Ledger

QUEUE = "embed.m"


def accept(ledger: Ledger, priority: Priority) -> str:
    """A waiting job."""
    job = EmbedJob(id=new_id(), model="m", texts=("text",), priority=priority)
    ledger.accept(job, QUEUE)
    return job.id


def test_who_has_enough_of_batches_is_given_the_others(ledger: Ledger) -> None:
    """One of three batch jobs, and every other job, though the batch jobs came first."""
    for _ in range(3):
        accept(ledger, Priority.BATCH)
    others = {accept(ledger, Priority.INTERACTIVE), accept(ledger, Priority.BACKGROUND)}
    claims = ledger.claim_many(QUEUE, "me", 10, most_batch=1)
    assert isinstance(claims, list)
    assert len(claims) == 3
    assert others < {claim.job_id for claim in claims}
    assert ledger.waiting(QUEUE) == 2


def test_batches_that_are_left_to_wait_are_claimed_later(ledger: Ledger) -> None:
    """By whoever has room for them."""
    accept(ledger, Priority.BATCH)
    assert ledger.claim_many(QUEUE, "me", 10, most_batch=0) == "none"
    assert len(ledger.claim_many(QUEUE, "me", 10, most_batch=1)) == 1
