"""Lines that fail, and batches that end otherwise than by their last line."""

from __future__ import annotations

import pytest

from app.batches.lines import BadLine
from app.batches.record import LineError
from tasks.errors import (
    ContextLengthExceeded,
    InvalidJob,
    ModelFailed,
    TaskError,
)
from tasks.jobs import ChatJob, EmbedJob, Job
from tasks.ledger import Claim
from tests.app.batches.mill import (
    CHAT,
    EMBED,
    Mill,
    chat_line,
    embed_line,
    finish,
    rounds_until,
)


def test_a_culprit_fails_alone(mill: Mill) -> None:
    """The others of its job are answered, and the error is about its own input."""

    def says(job: Job) -> TaskError | None:
        assert isinstance(job, EmbedJob)
        bad = [at for at, text in enumerate(job.texts) if text in ("text 3", "text 77")]
        return ContextLengthExceeded("Too long.", param=f"input[{bad[0]}]") if bad else None

    found = finish(mill, mill.batch(EMBED, map(embed_line, range(100))), says)
    assert set(found.errors) == {"line-3", "line-77"}
    response = found.errors["line-77"]["response"]
    assert (response["status_code"], response["body"]["error"]["param"]) == (400, "input[0]")
    assert (found.record.completed, found.record.failed) == (98, 2)


def test_a_nameless_culprit_is_found_by_halves(mill: Mill) -> None:
    """A text that kills the process takes no other with it."""

    def says(job: Job) -> TaskError | None:
        assert isinstance(job, EmbedJob)
        return ModelFailed("It broke.") if "text 41" in job.texts else None

    found = finish(mill, mill.batch(EMBED, map(embed_line, range(100))), says)
    assert (set(found.errors), len(found.answers)) == ({"line-41"}, 99)
    assert found.code("line-41") == "model_error"


def test_what_broke_once_is_answered(mill: Mill) -> None:
    """One more try, for what was not the line's fault."""
    broken: set[str] = set()

    def says(job: Job) -> TaskError | None:
        assert isinstance(job, ChatJob)
        text = job.messages[0].content
        if text in broken:
            return None
        broken.add(text)
        return ModelFailed("It broke.")

    found = finish(mill, mill.batch(CHAT, map(chat_line, range(9))), says)
    assert (len(found.answers), len(found.errors)) == (9, 0)


def test_a_batch_whose_lines_all_fail_is_complete(mill: Mill) -> None:
    """It has an error file and no output file."""
    batch_id = mill.batch(CHAT, map(chat_line, range(5)))
    record = finish(mill, batch_id, lambda job: InvalidJob("No.", param="messages")).record
    assert (record.status, record.failed, record.output_file_id) == ("completed", 5, None)
    assert record.error_file_id == f"file-{batch_id.removeprefix('batch_')}1"


def test_a_cancelled_batch_keeps_what_is_done(mill: Mill) -> None:
    """The rest is told so, line by line, and nothing of it is computed."""
    mill.ready(mill.chat)
    batch_id = mill.batch(CHAT, map(chat_line, range(400)))
    driver = mill.driver()
    for _ in range(5):
        driver.round()
        mill.worker.work(mill.chat)
    mill.book.cancel(batch_id)
    computed = len(mill.parts().gateway.ledger.redis.keys("*"))
    found = finish(mill, batch_id)
    record = found.record
    assert (record.status, computed > 0) == ("cancelled", True)
    assert 0 < record.completed == len(found.answers) < 60
    assert {found.code(custom_id) for custom_id in found.errors} == {"batch_cancelled"}
    assert record.completed + record.failed == 400


def test_a_running_job_is_cancelled_with_its_batch(mill: Mill) -> None:
    """Its worker is told to stop, and its line is not tried again."""
    batch_id = mill.batch(CHAT, [chat_line(0)])
    rounds_until(mill, lambda: mill.parts().gateway.ledger.waiting(mill.chat.queue) == 1)
    ledger = mill.parts().gateway.ledger
    claim = ledger.claim(mill.chat.queue, "hand")
    assert isinstance(claim, Claim)
    mill.book.cancel(batch_id)
    rounds_until(mill, lambda: "cancel" in ledger.record(claim.job_id))
    assert not mill.find(batch_id).ended
    assert ledger.release(claim, mill.chat.queue)
    assert finish(mill, batch_id).code("line-0") == "batch_cancelled"


@pytest.mark.parametrize("begun", [False, True], ids=["unread", "begun"])
def test_a_batch_out_of_time_is_expired(mill: Mill, begun: bool) -> None:
    """What nobody has read has no lines to speak of; else each line says that it came too late."""
    batch_id = mill.batch(EMBED, map(embed_line, range(3_000)))
    if begun:
        rounds_until(mill, lambda: bool(mill.book.pieces(batch_id)))
    mill.now_s += 86_400
    found = finish(mill, batch_id)
    assert (found.record.status, found.record.expired_at) == ("expired", int(mill.now_s))
    assert len(found.times) == found.record.failed == (3_000 if begun else 0)
    assert {found.code(each) for each in found.errors} == ({"batch_expired"} if begun else set())


def test_an_unread_batch_is_cancelled_at_once(mill: Mill) -> None:
    """It has no files."""
    batch_id = mill.batch(CHAT, map(chat_line, range(9)))
    mill.book.cancel(batch_id)
    record = finish(mill, batch_id).record
    assert (record.status, record.output_file_id, record.error_file_id) == (
        *("cancelled", None),
        None,
    )


def test_a_job_that_an_operator_cancels_comes_once_more(mill: Mill) -> None:
    """Cancelled twice its line has failed."""
    batch_id = mill.batch(CHAT, [chat_line(0)])
    ledger = mill.parts().gateway.ledger
    driver = mill.driver()
    cancelled = 0
    while not mill.find(batch_id).ended:
        driver.round()
        for job_id in mill.book.pieces(batch_id):
            if ledger.state(job_id) == "queued":
                ledger.cancel(job_id, mill.chat.queue)
                cancelled += 1
    assert (cancelled, mill.output(batch_id).code("line-0")) == (2, "job_cancelled")


def test_an_input_that_is_lost_ends_the_batch(mill: Mill) -> None:
    """Nobody else will ever find it again."""
    batch_id = mill.batch(CHAT, map(chat_line, range(9)))
    mill.store.delete(mill.find(batch_id).order.input_blob)
    record = finish(mill, batch_id).record
    assert (record.status, record.errors[0].code) == ("failed", "input_file_lost")


def test_a_model_that_has_gone_fails_its_lines(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is told as its endpoint would have told it."""
    batch_id = mill.batch(EMBED, map(embed_line, range(40)))
    rounds_until(mill, lambda: mill.find(batch_id).status == "in_progress")
    gone = BadLine(LineError("model_not_found", "No such model.", 1, "body.model"))

    def refuse(*_: object, **__: object) -> None:
        raise gone

    monkeypatch.setattr("app.batches.source.request_of", refuse)
    found = finish(mill, batch_id)
    assert {found.code(custom_id) for custom_id in found.errors} == {"model_not_found"}
    assert found.errors["line-7"]["response"]["status_code"] == 404
    assert (found.record.status, found.record.failed) == ("completed", 40)
