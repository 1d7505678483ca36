"""Forgetting a job before its time."""

from __future__ import annotations

import pytest

from tasks.connection import connect
from tasks.errors import UnknownJob
from tasks.events import Done, Usage, encode
from tasks.forgetting import Forgetting
from tasks.jobs import ChatJob, Message, new_id
from tasks.ledger import Claim, Entry, Ledger
from tasks.records import Record, Records
from tasks.settings import QueueSettings

QUEUE = "chat.m"
DONE = [encode(Done(Usage(1)))]


@pytest.fixture
def records(settings: QueueSettings) -> Records:
    """The reading side of the test's own ledger."""
    return Records(connect(settings.queue_url), settings)


@pytest.fixture
def forgetting(settings: QueueSettings) -> Forgetting:
    """The hand of the job's owner."""
    return Forgetting(connect(settings.queue_url), settings)


def accepted(ledger: Ledger, records: Records) -> Record:
    """A job that waits."""
    job = ChatJob(id=new_id(), model="m", messages=(Message("user", "x"),), owner="ann")
    ledger.accept(job, QUEUE)
    return records.find(job.id, "ann")


def done(ledger: Ledger) -> None:
    """End the job that is next."""
    claim = ledger.claim(QUEUE, "worker")
    assert isinstance(claim, Claim)
    ledger.append([Entry(claim, QUEUE, 1, DONE, "done")])


def test_nothing_is_left_of_a_job_that_has_ended(
    ledger: Ledger, records: Records, forgetting: Forgetting
) -> None:
    """Neither its record, nor its log, nor its place in the owner's list."""
    record, other = accepted(ledger, records), accepted(ledger, records)
    done(ledger)
    assert forgetting.forget(record)
    with pytest.raises(UnknownJob):
        records.find(record.id, "ann")
    assert not records.has_log(record.id)
    assert [each.id for each in records.page("ann", limit=9).records] == [other.id]


def test_a_job_that_is_open_is_forgotten_with_its_end(
    ledger: Ledger, records: Records, forgetting: Forgetting
) -> None:
    """Until then it goes on; no reader finds its log afterwards."""
    record = accepted(ledger, records)
    assert not forgetting.forget(record)
    assert records.find(record.id, "ann").state == "queued"
    done(ledger)
    assert not records.has_log(record.id)


def test_what_is_forgotten_already_stays_so(
    ledger: Ledger, records: Records, forgetting: Forgetting
) -> None:
    """Twice is as good as once."""
    record = accepted(ledger, records)
    done(ledger)
    assert forgetting.forget(record)
    assert forgetting.forget(record)
