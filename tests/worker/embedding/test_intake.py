"""Embeddings jobs from claim to last event: a real Redis, the echo runtime, no Celery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.celery import make_celery
from tasks.events import Done, Failed, Started, Vectors
from tasks.jobs import EmbedJob, Priority, new_id
from tasks.ledger import Accepted, Ledger
from tasks.model import Model
from tasks.settings import QueueSettings
from worker import handlers
from worker.embedding.intake import LEAST_PATIENT_JOBS, PATIENT_JOBS
from worker.process import ModelProcess
from worker.runtimes.echo import EchoEmbed
from worker.settings import WorkerSettings


@pytest.fixture
def process(settings: QueueSettings) -> Iterator[ModelProcess]:
    """An embedding model's process whose queue no other test has."""
    own = WorkerSettings.model_validate(settings.model_dump())
    model = Model(name=settings.key_prefix, kind="embed", source="echo:", slots=4, context=64)
    celery = make_celery(settings)
    process = ModelProcess(own, celery, model)
    process.start()
    yield process
    process.drain()
    process.ledger.redis.delete(model.queue)
    process.close()
    celery.close()


def accept(process: ModelProcess, *texts: str, **changes: Any) -> tuple[str, Accepted]:
    """A waiting job: its id, and whether it needs a ticket."""
    job = EmbedJob(id=new_id(), model=process.model.name, texts=texts, **changes)
    return job.id, process.ledger.accept(job, process.model.queue)


def ticket(process: ModelProcess) -> threading.Thread:
    """A handler, as a ticket starts it."""
    thread = threading.Thread(target=handlers.embed, args=(process,))
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Until the condition holds."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.01)


def wait_for_state(ledger: Ledger, job_id: str, state: str) -> None:
    """Until the job is in this state."""
    wait_for(lambda: ledger.state(job_id) == state)


def shut(process: ModelProcess, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Have the runtime wait for this event before it computes anything."""
    gate = threading.Event()
    real = process.embed.embed

    def embed(inputs: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        assert gate.wait(20)
        return real(inputs)

    monkeypatch.setattr(process.embed, "embed", embed)
    return gate


def test_one_ticket_answers_all_that_wait(process: ModelProcess) -> None:
    """A hundred jobs, each with its own vector, and then the handler returns."""
    jobs = {f"text {n}": accept(process, f"text {n}")[0] for n in range(100)}
    handler = ticket(process)
    handler.join(20)
    assert not handler.is_alive()
    assert process.leases.held() == []
    echo = EchoEmbed(context=64)
    for text, job_id in jobs.items():
        [(_, started), (_, vectors), (_, done)] = process.ledger.log(job_id)
        assert isinstance(started, Started)
        assert isinstance(vectors, Vectors)
        assert isinstance(done, Done)
        assert vectors.data == echo.embed(echo.tokenize([text])).astype("<f4").tobytes()


def test_a_job_that_comes_soon_after_needs_no_ticket(process: ModelProcess) -> None:
    """The handler stays for a moment, and answers what comes meanwhile."""
    accept(process, "first")
    handler = ticket(process)
    wait_for(lambda: process.ledger.redis.exists(process.ledger.keys.awake(process.model.queue)))
    job_id, accepted = accept(process, "second")
    assert accepted is Accepted.AWAITED
    wait_for_state(process.ledger, job_id, "done")
    handler.join(10)
    assert accept(process, "third")[1] is Accepted.NEEDS_TICKET


def test_a_second_ticket_wakes_the_handler_that_waits(process: ModelProcess) -> None:
    """A job that came back to waiting, with a ticket, is not left until the next look."""
    accept(process, "first")
    handlers_ = [ticket(process)]
    wait_for(lambda: process.ledger.redis.exists(process.ledger.keys.awake(process.model.queue)))
    process.ledger.look_away(process.model.queue)
    job_id, accepted = accept(process, "second")
    assert accepted is Accepted.NEEDS_TICKET
    handlers_.append(ticket(process))
    wait_for_state(process.ledger, job_id, "done")
    for handler in handlers_:
        handler.join(10)


def test_a_job_that_is_late_expires_before_it_is_computed(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its deadline passes while the model is busy with another, which is answered."""
    gate = shut(process, monkeypatch)
    busy = accept(process, "busy")[0]
    handler = ticket(process)
    wait_for_state(process.ledger, busy, "running")
    late = accept(process, "late", deadline_at=time.time() + 0.1)[0]
    wait_for_state(process.ledger, late, "expired")
    gate.set()
    wait_for_state(process.ledger, busy, "done")
    handler.join(10)
    [(_, end)] = process.ledger.log(late)
    assert isinstance(end, Failed)
    assert end.code == "deadline_exceeded"


def test_what_the_model_cannot_take_fails_alone(process: ModelProcess) -> None:
    """Those that were claimed with it are answered."""
    good, bad, long = (
        accept(process, "a")[0],
        accept(process, "a", dimensions=10_000)[0],
        accept(process, "x" * 500)[0],
    )
    ticket(process).join(20)
    assert process.ledger.state(good) == "done"
    ends = [process.ledger.log(job_id)[-1][1] for job_id in (bad, long)]
    assert [isinstance(end, Failed) and end.param for end in ends] == ["dimensions", "input[0]"]


def test_a_cancelled_job_ends_between_two_batches(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One of thousand texts is cancelled while its first are computed."""
    gate = shut(process, monkeypatch)
    job_id, _ = accept(process, *["text"] * 1000)
    handler = ticket(process)
    wait_for_state(process.ledger, job_id, "running")
    assert process.ledger.cancel(job_id, process.model.queue) == "running"
    wait_for_state(process.ledger, job_id, "cancelled")
    gate.set()
    handler.join(20)
    assert not handler.is_alive()


def test_draining_gives_all_jobs_back(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a strike, to be claimed by another worker."""
    gate = shut(process, monkeypatch)
    jobs = [accept(process, "text")[0] for _ in range(10)]
    handler = ticket(process)
    wait_for(lambda: len(process.leases.held()) == 10)
    process.drain()
    assert [process.ledger.state(job_id) for job_id in jobs] == ["queued"] * 10
    assert {process.ledger.record(job_id)["strikes"] for job_id in jobs} == {"0"}
    handler.join(10)
    assert not handler.is_alive()
    gate.set()


def test_a_large_request_leaves_jobs_to_other_workers(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With many tokens in hand a worker takes as many jobs as it has slots, and no more."""
    gate = shut(process, monkeypatch)
    accept(process, *["x" * 50] * 1000)
    handler = ticket(process)
    wait_for(lambda: len(process.leases.held()) == 1)
    for _ in range(20):
        accept(process, "text")
    ticket_too = ticket(process)
    wait_for(lambda: len(process.leases.held()) == process.model.slots)
    time.sleep(0.1)
    assert process.ledger.waiting(process.model.queue) == 21 - process.model.slots
    gate.set()
    for each in (handler, ticket_too):
        each.join(20)
        assert not each.is_alive()
    assert process.ledger.waiting(process.model.queue) == 0


def test_a_flood_of_batch_jobs_takes_no_room_from_others(
    process: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A job that somebody waits for is answered while some of them are in hand, and more wait."""
    gate = threading.Event()
    real = process.embed.embed

    def embed(inputs: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        assert len(inputs[0]) < 10 or gate.wait(20)
        return real(inputs)

    monkeypatch.setattr(process.embed, "embed", embed)
    flood = [accept(process, *["x" * 60] * 300, priority=Priority.BATCH)[0] for _ in range(12)]
    handler = ticket(process)
    wait_for(lambda: len(process.leases.held()) >= LEAST_PATIENT_JOBS)
    mine = accept(process, "hi")[0]
    wait_for_state(process.ledger, mine, "done")
    states = [process.ledger.state(job_id) for job_id in flood]
    assert states.count("queued") >= len(flood) - PATIENT_JOBS
    assert states.count("running") + states.count("queued") == len(flood)
    gate.set()
    handler.join(20)
    assert {process.ledger.state(job_id) for job_id in flood} == {"done"}


def test_a_batch_job_that_the_model_cannot_take_fails_alone(process: ModelProcess) -> None:
    """Though it is read by another thread than the one that claimed it."""
    jobs = [accept(process, text, priority=Priority.BATCH)[0] for text in ("a", "x" * 500)]
    ticket(process).join(20)
    assert [process.ledger.state(job_id) for job_id in jobs] == ["done", "failed"]
    end = process.ledger.log(jobs[1])[-1][1]
    assert isinstance(end, Failed)
    assert end.param == "input[0]"
