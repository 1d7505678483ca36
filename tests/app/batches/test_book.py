"""The book of batches, on a real Redis: who may change a batch, and what a commit counts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from app.batches.book import Book
from app.batches.errors import BatchEnded, TakenOver, UnknownBatch
from app.batches.record import BatchRecord, Commit, Line, LineError, Order, Piece, new_batch_id
from app.files.record import FileRecord, new_file_id
from app.files.register import Register
from tasks.connection import Client
from tasks.jobs import ChatJob, Message, Priority, new_id
from tasks.ledger import Ledger
from tasks.settings import QueueSettings
from tasks.terms import Terms

FIRST, SECOND = Piece((Line(1, 0, 5),)), Piece((Line(2, 6, 5),))


@pytest.fixture
def book(client: Client, settings: QueueSettings) -> Book:
    """The book."""
    return Book(client, settings)


@pytest.fixture
def register(client: Client, settings: QueueSettings) -> Register:
    """The register of files that the batches read."""
    return Register(client, settings)


@pytest.fixture
def file(register: Register) -> FileRecord:
    """An input file."""
    record = FileRecord(
        id=new_file_id(),
        owner="local",
        filename="in.jsonl",
        purpose="batch",
        bytes=12,
        created_at=1,
        blob=f"files/{new_id()}",
    )
    register.add(record)
    return record


def an_order(file: FileRecord, **changes: Any) -> Order:
    """An order for a batch over ``file``."""
    fields: dict[str, Any] = {
        "id": new_batch_id(),
        "owner": "local",
        "endpoint": "/v1/chat/completions",
        "input_file_id": file.id,
        "input_blob": file.blob,
        "completion_window": "24h",
        "created_at": 1,
        "expires_at": 86_401,
        "output_ttl_s": 60,
    }
    return Order(**(fields | changes))


@pytest.fixture
def validating(book: Book, file: FileRecord) -> BatchRecord:
    """A batch that was just made, in a driver's hands."""
    order = an_order(file)
    book.create(order)
    return book.take(order.id)


@pytest.fixture
def begun(book: Book, validating: BatchRecord) -> BatchRecord:
    """A batch of two lines that is in progress."""
    return book.advance(validating, "in_progress", model="m", total=2, in_progress_at=2)


@pytest.fixture
def planned(book: Book, begun: BatchRecord) -> BatchRecord:
    """Both of its lines are planned."""
    book.plan(begun, {"one": FIRST, "two": SECOND}, 2, 12)
    return book.find(begun.id, None)


def test_a_new_batch_validates(book: Book, file: FileRecord) -> None:
    """What is made is open, and its input is to be read."""
    order = an_order(file)
    assert book.create(order)
    assert book.find(order.id, "local").status == "validating"
    assert book.open() == [order.id]


def test_no_batch_is_made_of_a_deleted_file(
    book: Book, register: Register, file: FileRecord
) -> None:
    """An input that went between the look at it and the making of the batch makes none."""
    register.delete(file)
    assert not book.create(an_order(file))
    assert book.open() == []


def test_the_input_outlives_its_file(
    book: Book, register: Register, file: FileRecord, validating: BatchRecord
) -> None:
    """A client may delete the file: the batch goes on reading its bytes."""
    register.delete(file)
    assert validating.order.input_blob not in register.free_blobs(10)


def test_the_end_lets_the_input_go(
    book: Book, register: Register, file: FileRecord, validating: BatchRecord
) -> None:
    """With batch and file gone the bytes are free."""
    register.delete(file)
    book.advance(validating, "failed", forget_at_s=10, failed_at=2)
    assert register.free_blobs(10) == [file.blob]


def test_a_file_that_stays_keeps_its_bytes(
    book: Book, register: Register, validating: BatchRecord
) -> None:
    """A batch's end frees no bytes that a file still has."""
    book.advance(validating, "failed", forget_at_s=10, failed_at=2)
    assert register.free_blobs(10) == []


def test_another_owner_s_batch_is_unknown(book: Book, validating: BatchRecord) -> None:
    """Whose batch it is, others cannot learn."""
    with pytest.raises(UnknownBatch):
        book.find(validating.id, "somebody")


def test_a_batch_in_progress_knows_its_lines(begun: BatchRecord) -> None:
    """What advancing says is in the record."""
    assert (begun.status, begun.model, begun.total) == ("in_progress", "m", 2)


def test_errors_of_the_input_are_kept(book: Book, validating: BatchRecord) -> None:
    """What is wrong with which line comes back as it was said."""
    error = LineError("duplicate_custom_id", "the message", 7, "custom_id")
    failed = book.advance(validating, "failed", forget_at_s=10, failed_at=2, errors=(error,))
    assert failed.errors == (error,)


def test_planned_lines_are_found_again(book: Book, planned: BatchRecord) -> None:
    """Another driver learns from the book which job computes which lines."""
    assert book.pieces(planned.id) == {"one": FIRST, "two": SECOND}
    assert (planned.cursor, planned.offset) == (2, 12)


def test_no_line_is_planned_twice(book: Book, begun: BatchRecord, planned: BatchRecord) -> None:
    """A driver that knows an older cursor plans nothing."""
    with pytest.raises(TakenOver):
        book.plan(begun, {"three": FIRST}, 2, 12)
    assert set(book.pieces(begun.id)) == {"one", "two"}


def test_a_commit_counts_and_takes_its_jobs_off_the_plan(book: Book, planned: BatchRecord) -> None:
    """What was stored is listed and counted, and its lines are nobody's to compute any more."""
    book.commit(planned, Commit(output="piece", completed=1, prompt_tokens=9, jobs=("one",)))
    after = book.find(planned.id, None)
    assert (after.completed, after.prompt_tokens) == (1, 9)
    assert book.output(planned.id) == (["piece"], [])
    assert set(book.pieces(planned.id)) == {"two"}


def test_a_commit_that_is_sent_twice_counts_once(book: Book, planned: BatchRecord) -> None:
    """A call that was applied before its answer was lost changes nothing when it comes again."""
    commit = Commit(output="piece", completed=1, jobs=("one",))
    book.commit(planned, commit)
    book.commit(planned, commit)
    assert book.find(planned.id, None).completed == 1
    assert book.output(planned.id) == (["piece"], [])


def test_a_commit_may_plan_again(book: Book, planned: BatchRecord) -> None:
    """Lines of a job that failed change to others in the script that takes it off the plan."""
    again = {"three": Piece(FIRST.lines, 1)}
    book.commit(planned, Commit(jobs=("one",), again=again))
    assert book.pieces(planned.id) == {"two": SECOND} | again


def test_a_commit_forgets_its_jobs(book: Book, ledger: Ledger, planned: BatchRecord) -> None:
    """A job whose result is stored elsewhere takes no room in Redis, nor in any list there."""
    job = ChatJob(id="one", model="m", messages=(Message("user", "hi"),), priority=Priority.BATCH)
    ledger.accept(job, "chat.m", Terms.of_batch())
    ledger.cancel("one", "chat.m")
    assert ledger.redis.zcard(ledger.keys.ended) == 1
    book.commit(planned, Commit(output="piece", completed=1, jobs=("one",)))
    assert ledger.state("one") is None
    assert ledger.redis.zcard(ledger.keys.ended) == 0


@pytest.mark.parametrize("change", ["plan", "commit", "advance"])
def test_a_driver_that_was_taken_over_changes_nothing(
    book: Book, begun: BatchRecord, change: str
) -> None:
    """Whoever took the batch later is the only one that changes it."""
    book.take(begun.id)
    changes: dict[str, Callable[[], object]] = {
        "plan": lambda: book.plan(begun, {"one": FIRST}, 1, 6),
        "commit": lambda: book.commit(begun, Commit(output="piece", completed=1, jobs=("one",))),
        "advance": lambda: book.advance(begun, "finalizing", finalizing_at=3),
    }
    before = book.find(begun.id, None)
    with pytest.raises(TakenOver):
        changes[change]()
    assert book.find(begun.id, None) == before


def test_a_cancellation_shows_at_once(book: Book, begun: BatchRecord) -> None:
    """The batch is cancelling before its driver hears of it."""
    book.cancel(begun.id)
    record = book.find(begun.id, None)
    assert record.status == "cancelling"
    assert record.cancelling_at is not None


def test_a_cancellation_is_not_overrun(book: Book, begun: BatchRecord) -> None:
    """A driver that has not heard of it does not bring the batch to its end."""
    book.cancel(begun.id)
    with pytest.raises(TakenOver):
        book.advance(begun, "finalizing", finalizing_at=3)


def test_a_batch_that_has_ended_is_not_cancelled(book: Book, begun: BatchRecord) -> None:
    """Too late is an error that says so."""
    book.advance(begun, "completed", forget_at_s=10, completed_at=3)
    with pytest.raises(BatchEnded, match="completed"):
        book.cancel(begun.id)


def test_a_webhook_is_due_at_the_end(book: Book, client: Client, settings: QueueSettings) -> None:
    """The end of a batch that asked for it is put on the list of webhooks."""
    file = FileRecord(
        id="file-1", owner="local", filename="f", purpose="batch", bytes=1, created_at=1, blob="b"
    )
    Register(client, settings).add(file)
    order = an_order(file, webhook_url="https://example.com/hook")
    book.create(order)
    book.advance(book.take(order.id), "failed", forget_at_s=10, failed_at=2)
    assert client.zrange(f"{settings.key_prefix}:webhooks", 0, -1) == [order.id.encode()]


def test_a_page_has_the_newest_first(book: Book, file: FileRecord) -> None:
    """Batches are listed by age, and the page says that there are more."""
    ids = [f"batch_{number:032x}" for number in range(3)]
    for name in ids:
        book.create(an_order(file, id=name))
    page = book.page("local", limit=2)
    assert ([each.id for each in page.batches], page.has_more) == ([ids[2], ids[1]], True)
    assert [each.id for each in book.page("local", limit=2, after=ids[1]).batches] == [ids[0]]


def test_what_ended_long_ago_is_forgotten(book: Book, begun: BatchRecord) -> None:
    """After its time there is neither a record nor a place in the list."""
    book.advance(begun, "completed", forget_at_s=10, completed_at=3)
    assert book.forget_due(9, 100) == 0
    assert book.forget_due(11, 100) == 1
    assert book.page("local", limit=5).batches == ()
