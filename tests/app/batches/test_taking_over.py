"""Who has a batch: drivers that come, stand still, and come back; a Redis that lost its tail."""

from __future__ import annotations

from typing import Any

import pytest

from app.batches.book import Book
from app.batches.errors import TakenOver, UnknownBatch
from app.batches.record import BatchRecord, Commit, Line, Piece
from tests.app.batches.fates import Tail
from tests.app.batches.mill import CHAT, Mill, chat_line

FIRST, SECOND = Piece((Line(1, 0, 5),)), Piece((Line(2, 6, 5),))


@pytest.fixture
def begun(mill: Mill) -> BatchRecord:
    """A batch of two lines in a driver's hands."""
    record = mill.book.take(mill.batch(CHAT, map(chat_line, range(2))))
    return mill.book.advance(record, "in_progress", model="m", total=2, in_progress_at=2)


def test_a_driver_that_stood_still_while_it_took_over_has_nothing(
    mill: Mill, begun: BatchRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It does not work under the epoch of the one that came meanwhile."""
    slow = Book(mill.client, mill.settings)
    find = slow.find

    def later(*asked: Any) -> BatchRecord:
        mill.book.take(begun.id)
        return find(*asked)

    monkeypatch.setattr(slow, "find", later)
    with pytest.raises(TakenOver):
        slow.take(begun.id)


def test_a_batch_that_has_ended_is_not_taken_over(mill: Mill, begun: BatchRecord) -> None:
    """Its driver saw it open a moment ago."""
    mill.book.advance(begun, "failed", forget_at_s=9)
    with pytest.raises(UnknownBatch):
        mill.book.take(begun.id)


def test_an_epoch_never_comes_again(mill: Mill, begun: BatchRecord) -> None:
    """Not even where Redis has forgotten that it was given."""
    tail = Tail(mill.client, mill.settings.key_prefix)
    tail.keep()
    lost = mill.book.take(begun.id)
    tail.lose()
    assert mill.book.take(begun.id).epoch != lost.epoch


def test_a_commit_of_jobs_that_nobody_planned_is_refused(mill: Mill, begun: BatchRecord) -> None:
    """Redis lost the plan of one: its line will be planned again, and counted then."""
    mill.book.plan(begun, {"one": FIRST}, 1, 5)
    with pytest.raises(TakenOver):
        mill.book.commit(begun, Commit(output="piece", completed=2, jobs=("one", "lost")))
    assert mill.book.output(begun.id) == ([], [])
    assert mill.find(begun.id).completed == 0


@pytest.mark.parametrize("end", ["finalizing", "expired", "cancelled"])
@pytest.mark.parametrize("left", ["unread", "planned"])
def test_no_batch_ends_before_its_last_line(
    mill: Mill, begun: BatchRecord, end: Any, left: str
) -> None:
    """Redis knows better than a driver that remembers what was lost."""
    if left == "planned":
        mill.book.plan(begun, {"one": FIRST, "two": SECOND}, 2, 11)
        mill.book.commit(begun, Commit(output="piece", completed=1, jobs=("one",)))
    with pytest.raises(TakenOver):
        mill.book.advance(mill.find(begun.id), end)
    assert mill.find(begun.id).status == "in_progress"


def test_a_driver_sees_that_it_was_taken_over(mill: Mill) -> None:
    """It lets the batch go, and takes it back only if it is elected."""
    batch_id = mill.batch(CHAT, map(chat_line, range(20)))
    first, second = mill.driver(), mill.driver()
    first.round()
    second.round()
    before = mill.find(batch_id).epoch
    first.courses._look_at_s = 0.0
    first.courses._look()
    assert batch_id not in first.courses._courses
    assert mill.find(batch_id).epoch == before


def test_an_accepted_job_without_a_record_is_accepted_again(mill: Mill) -> None:
    """Under its own name: there are never two of it."""
    batch_id = mill.batch(CHAT, [chat_line(0)])
    driver = mill.driver()
    ledger = mill.parts().gateway.ledger
    while not ledger.waiting(mill.chat.queue):
        driver.round()
    [job_id] = mill.book.pieces(batch_id)
    mill.client.delete(ledger.keys.job(job_id), f"{ledger.keys.waiting(mill.chat.queue)}:2")
    for _ in range(2):
        driver.round()
    assert ledger.state(job_id) == "queued"


def test_a_result_that_is_lost_is_computed_again(mill: Mill) -> None:
    """Under another name: its job has ended, and no job ends twice."""
    batch_id = mill.batch(CHAT, [chat_line(0)])
    driver = mill.driver()
    ledger = mill.parts().gateway.ledger
    while not mill.worker.work(mill.chat):
        driver.round()
    [job_id] = mill.book.pieces(batch_id)
    mill.client.delete(ledger.keys.log(job_id))
    for _ in range(3):
        driver.round()
    [again] = mill.book.pieces(batch_id)
    assert (again != job_id, ledger.state(again)) == (True, "queued")
    while not mill.find(batch_id).ended:
        mill.worker.work(mill.chat)
        driver.round()
    assert set(mill.output(batch_id).answers) == {"line-0"}


def test_a_batch_that_breaks_its_driver_does_not_stop_the_others(
    mill: Mill, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left alone for a while."""
    broken, sound = (mill.batch(CHAT, map(chat_line, range(3))) for _ in range(2))
    driver = mill.driver()
    driver.round()
    monkeypatch.setattr(driver.courses._courses[broken], "go", lambda *_: 1 / 0)
    for _ in range(20):
        driver.round()
        mill.worker.work(mill.chat)
    assert (mill.find(broken).ended, mill.find(sound).status) == (False, "completed")
