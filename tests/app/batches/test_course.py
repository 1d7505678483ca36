"""The course of a batch that nothing disturbs: each line's own answer, and no more than may be."""

from __future__ import annotations

import pytest

from app.batches import course, gathered, planning
from tasks.errors import (
    QueueOutOfMemory,
)
from tasks.jobs import Job
from tests.app.batches.mill import (
    CHAT,
    EMBED,
    Mill,
    chat_line,
    embed_line,
    finish,
    rounds_until,
    vector_of,
)


def test_every_chat_line_gets_its_own_answer(mill: Mill) -> None:
    """And the counts say how many there are, and what they cost."""
    batch_id = mill.batch(CHAT, map(chat_line, range(30)))
    found = finish(mill, batch_id)
    assert {
        custom_id: line["response"]["body"]["choices"][0]["message"]["content"]
        for custom_id, line in found.answers.items()
    } == {f"line-{number}": f"said {number}" for number in range(30)}
    record = found.record
    assert (record.status, record.total, record.completed, record.failed) == (
        *("completed", 30),
        *(30, 0),
    )
    assert (record.prompt_tokens, record.completion_tokens) == (60, 30)
    assert record.error_file_id is None


def test_every_text_gets_its_own_vector(mill: Mill) -> None:
    """Over several stretches of packed jobs, lines of several inputs among them."""
    lines = [
        embed_line(number, *[f"{number}.{at}" for at in range(1 + number % 3)])
        for number in range(3_000)
    ]
    batch_id = mill.batch(EMBED, lines)
    found = finish(mill, batch_id)
    assert len(found.answers) == 3_000
    for custom_id, line in found.answers.items():
        number = int(custom_id.removeprefix("line-"))
        told = [row["embedding"] for row in line["response"]["body"]["data"]]
        assert told == [vector_of(f"{number}.{at}") for at in range(1 + number % 3)]


def test_short_texts_share_a_job(mill: Mill) -> None:
    """3,000 lines are a dozen jobs, each of texts of like length."""
    lines = [embed_line(number, "word " * (1 + number % 50)) for number in range(3_000)]
    finish(mill, mill.batch(EMBED, lines))
    assert len(mill.worker.texts) <= 14
    spans = [len(max(texts, key=len)) - len(min(texts, key=len)) for texts in mill.worker.texts]
    assert sum(spans) / len(spans) < 50


def test_different_dimensions_are_different_jobs(mill: Mill) -> None:
    """A job has one number of them."""
    lines = [embed_line(number, dimensions=1 + number % 2) for number in range(10)]
    finish(mill, mill.batch(EMBED, lines))
    assert sorted(map(len, mill.worker.texts)) == [5, 5]


def test_base64_is_each_line_s_own_wish(mill: Mill) -> None:
    """It is the form of an answer, and no matter of its job."""
    lines = [embed_line(0), embed_line(1, encoding_format="base64")]
    found = finish(mill, mill.batch(EMBED, lines))
    kinds = {
        custom_id: type(line["response"]["body"]["data"][0]["embedding"])
        for custom_id, line in found.answers.items()
    }
    assert (kinds, len(mill.worker.texts)) == ({"line-0": list, "line-1": str}, 1)


def test_blank_lines_are_no_requests(mill: Mill) -> None:
    """They are neither counted nor answered."""
    found = finish(mill, mill.batch(CHAT, [b"", chat_line(0), b"", b"", chat_line(1), b""]))
    assert (found.record.total, set(found.times)) == (2, {"line-0", "line-1"})


def test_a_file_with_a_fault_is_not_begun(mill: Mill) -> None:
    """What is wrong is told with its line, and no job was accepted."""
    batch_id = mill.batch(CHAT, [chat_line(0), b"{", chat_line(0)])
    record = finish(mill, batch_id).record
    assert (record.status, [error.line for error in record.errors]) == ("failed", [2, 3])
    assert (record.output_file_id, record.error_file_id) == (None, None)
    assert mill.worker.work(mill.chat) == 0


def test_a_line_that_is_too_long_is_told(mill: Mill) -> None:
    """It is not read as a whole to be refused."""
    long = chat_line(1, metadata={"x": "y" * mill.settings.body_limit_bytes})
    record = finish(mill, mill.batch(CHAT, [chat_line(0), long])).record
    assert [(error.code, error.line) for error in record.errors] == [("line_too_long", 2)]


def test_the_files_belong_to_the_owner_and_expire(mill: Mill) -> None:
    """Named after the batch, of the purpose batch_output, for as long as was asked."""
    batch_id = mill.batch(CHAT, [chat_line(0)], owner="ann", output_ttl_s=60)
    finish_as(mill, batch_id)
    file = mill.register.find(str(mill.find(batch_id).output_file_id), "ann")
    assert (file.filename, file.purpose) == (f"{batch_id}_output.jsonl", "batch_output")
    assert file.expires_at == int(mill.now_s) + 60


def finish_as(mill: Mill, batch_id: str) -> None:
    """Drive and work until the end, whoever may read the files."""
    driver = mill.driver()
    while not mill.find(batch_id).ended:
        driver.round()
        mill.worker.work(mill.chat)


def test_counts_grow_while_it_runs(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is counted, long before the end."""
    monkeypatch.setattr(gathered, "MOST_BYTES", 1_000)
    mill.ready(mill.chat)
    batch_id = mill.batch(CHAT, map(chat_line, range(100)))
    driver, seen = mill.driver(), set()
    while not mill.find(batch_id).ended:
        driver.round()
        mill.worker.work(mill.chat)
        seen.add(mill.find(batch_id).completed)
    assert len(seen) > 10


def test_no_more_is_in_flight_than_the_window(mill: Mill) -> None:
    """Two slots of eight stay free for others, with two batches at the model together."""
    mill.ready(mill.chat, slots=8)
    batches = [mill.batch(CHAT, map(chat_line, range(20))) for _ in range(2)]
    driver, most = mill.driver(), 0
    for _ in range(30):
        driver.round()
        driver.round()
        most = max(most, mill.parts().gateway.ledger.waiting(mill.chat.queue))
        mill.worker.work(mill.chat, most=3)
    assert most == 6
    assert all(mill.find(each).ended for each in batches)


def test_two_batches_share_a_model(mill: Mill) -> None:
    """The second does not wait for the first to end."""
    mill.ready(mill.chat, slots=8)
    old = mill.batch(CHAT, map(chat_line, range(60)))
    driver = mill.driver()
    for _ in range(4):
        driver.round()
    new = mill.batch(CHAT, map(chat_line, range(10)))
    while not mill.find(new).ended:
        driver.round()
        mill.worker.work(mill.chat)
    assert not mill.find(old).ended


def test_an_unloaded_model_is_asked_for_with_one_job(mill: Mill) -> None:
    """That it waits is why the model is loaded."""
    batch_id = mill.batch(CHAT, map(chat_line, range(20)))
    rounds_until(mill, lambda: mill.find(batch_id).status == "in_progress")
    driver = mill.driver()
    for _ in range(3):
        driver.round()
    assert mill.parts().gateway.ledger.waiting(mill.chat.queue) == 1


def test_a_full_queue_is_waited_for(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is lost, and nothing fails: the line is accepted later."""
    monkeypatch.setattr(course, "PAUSE_S", 0.01)
    parts = mill.parts()
    refused = iter([True, True, False])
    enqueue = parts.gateway.enqueue

    def sometimes(job: Job, terms: object = None) -> None:
        if next(refused, False):
            raise QueueOutOfMemory("Full.")
        enqueue(job, terms)  # type: ignore[arg-type]

    monkeypatch.setattr(parts.gateway, "enqueue", sometimes)
    batch_id = mill.batch(CHAT, map(chat_line, range(3)))
    driver = mill.driver(parts)
    while not mill.find(batch_id).ended:
        driver.round()
        mill.worker.work(mill.chat)
    assert mill.find(batch_id).completed == 3


def test_nothing_of_a_batch_stays_in_the_queue(mill: Mill) -> None:
    """Its jobs are forgotten as their results are kept."""
    finish(mill, mill.batch(EMBED, map(embed_line, range(1_000))))
    prefix = mill.settings.key_prefix
    kinds = {key.split(b":")[1] for key in mill.client.scan_iter(f"{prefix}:*", count=1_000)}
    assert kinds.isdisjoint({b"job", b"log", b"batch-plan", b"open", b"open-batches"})


def test_files_are_open_only_where_something_is_in_flight(mill: Mill) -> None:
    """Thousands of batches may wait for their model."""
    waiting = [mill.batch(CHAT, map(chat_line, range(3))) for _ in range(5)]
    driver = mill.driver()
    for _ in range(20):
        driver.round()
    assert {mill.find(each).status for each in waiting} == {"in_progress"}
    opened = [each._source._open_file is not None for each in driver.courses._courses.values()]
    assert sum(opened) == 1


def test_memory_is_bound_by_the_stretch(mill: Mill, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long the file, only its next lines are planned, and little waits to be kept."""
    monkeypatch.setattr(planning, "STRETCH_LINES", 100)
    monkeypatch.setattr(planning, "JOB_INPUTS", 10)
    monkeypatch.setattr(gathered, "MOST_BYTES", 10_000)
    mill.ready(mill.embed)
    batch_id = mill.batch(EMBED, map(embed_line, range(2_000)))
    driver, most = mill.driver(), 0
    while not mill.find(batch_id).ended:
        driver.round()
        planned = mill.book.pieces(batch_id).values()
        most = max(most, sum(len(piece.lines) for piece in planned))
        mill.worker.work(mill.embed, most=2)
    assert most <= 200
