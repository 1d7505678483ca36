"""Reading what the ledger knows."""

from __future__ import annotations

import time

import pytest

from tasks.errors import UnknownJob
from tasks.events import Done, Usage
from tasks.jobs import Priority
from tasks.ledger import Ledger
from tasks.records import Records
from tasks.upkeep import Upkeep
from tests.tasks.test_ledger import QUEUE, a_job, append, claimed


def test_a_record_tells_a_jobs_life(ledger: Ledger, records: Records) -> None:
    """From its acceptance to its end, in Redis's time."""
    job = a_job(priority=Priority.BACKGROUND, created_at=time.time())
    ledger.accept(job, QUEUE)
    waiting = records.find(job.id, "local")
    assert (waiting.state, waiting.attempt, waiting.started_s) == ("queued", 0, None)
    append(ledger, claimed(ledger), 1, Done(Usage(1, 1)), state="done")
    ended = records.find(job.id, None)
    assert (ended.state, ended.attempt, ended.priority) == ("done", 1, Priority.BACKGROUND)
    assert ended.final
    assert ended.started_s is not None
    assert ended.finished_s is not None
    assert ended.accepted_s <= ended.started_s <= ended.finished_s <= records.now_s()
    assert records.job(job.id) == job


def test_other_owners_jobs_do_not_exist(ledger: Ledger, records: Records) -> None:
    """As if they had never been; without an owner everything is found."""
    job = a_job(owner="somebody")
    ledger.accept(job, QUEUE)
    with pytest.raises(UnknownJob):
        records.find(job.id, "local")
    assert records.find(job.id, None).owner == "somebody"
    assert records.page("local", limit=10).records == ()


def test_pages_hold_every_job_once(ledger: Ledger, records: Records) -> None:
    """In either direction, of any state, whatever lies between."""
    jobs = [a_job(model="m" if n % 3 else "other") for n in range(60)]
    for job in jobs:
        ledger.accept(job, QUEUE)
    for job in jobs[::2]:
        ledger.cancel(job.id, QUEUE)
    ids = sorted(job.id for job in jobs)
    wanted = sorted(job.id for job in jobs[::2] if job.model == "m")

    def all_pages(newest_first: bool) -> list[str]:
        found: list[str] = []
        while True:
            page = records.page(
                "local",
                limit=7,
                after=found[-1] if found else None,
                newest_first=newest_first,
                state="cancelled",
                model="m",
            )
            found += [record.id for record in page.records]
            if not page.has_more:
                return found

    assert all_pages(newest_first=False) == wanted
    assert all_pages(newest_first=True) == wanted[::-1]
    assert [record.id for record in records.page("local", limit=60).records] == ids[::-1]


def test_a_rare_state_is_found_behind_many_others(ledger: Ledger, records: Records) -> None:
    """A stretch without a match is not taken for the end."""
    first = a_job(id="0" * 32)
    ledger.accept(first, QUEUE)
    ledger.redis.zadd(ledger.keys.index("local"), {f"{n:032x}": 0 for n in range(1, 5000)})
    assert [record.id for record in records.page("local", limit=1).records] == [first.id]


def test_a_position_counts_those_before(ledger: Ledger, records: Records) -> None:
    """Interrupted jobs first, then by priority; none once it runs."""
    background = a_job(priority=Priority.BACKGROUND)
    interactive, resumed = a_job(), a_job()
    ledger.accept(resumed, QUEUE)
    ledger.release(claimed(ledger), QUEUE)
    ledger.accept(background, QUEUE)
    ledger.accept(interactive, QUEUE)

    def place(job_id: str) -> int | None:
        return records.position(records.find(job_id, None))

    assert [place(job.id) for job in (resumed, interactive, background)] == [1, 2, 3]
    claimed(ledger)
    assert [place(job.id) for job in (resumed, interactive, background)] == [None, 1, 2]


def test_depths_count_what_waits_and_runs(ledger: Ledger, records: Records) -> None:
    """By priority, with the age of the oldest, and the pace of late."""
    for _ in range(3):
        ledger.accept(a_job(), QUEUE)
    ledger.accept(a_job(priority=Priority.BATCH), QUEUE)
    append(ledger, claimed(ledger), 1, Done(Usage(1, 1)), state="done")
    claimed(ledger)
    time.sleep(0.02)
    depths = records.queue(QUEUE)
    assert (depths.waiting, depths.resuming, depths.running) == ((1, 0, 1), 0, 1)
    assert depths.depth == 2
    assert depths.oldest_s is not None
    assert 0.02 <= depths.oldest_s < 10
    assert depths.ended_per_s > 0
    assert records.queues() != []


def test_dead_letters_are_listed(ledger: Ledger, records: Records, upkeep: Upkeep) -> None:
    """Newest first, after the deaths that are laid to them."""
    job = a_job()
    ledger.accept(job, QUEUE)
    for n in range(3):
        claimed(ledger, f"w{n}")
        upkeep.reap(QUEUE, [f"w{n}"])
    assert [record.id for record in records.dead_letters(10)] == [job.id]
    assert records.dead_letters(10)[0].state == "failed"
