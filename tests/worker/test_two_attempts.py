"""A process that was taken for dead and claims its own jobs again: real Redis, echo, no Celery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tasks.celery import make_celery
from tasks.events import Token
from tasks.jobs import ChatJob, Message, new_id
from tasks.model import Model
from tasks.settings import QueueSettings
from tasks.upkeep import Upkeep
from worker import handlers
from worker.process import ModelProcess
from worker.settings import WorkerSettings

TEXT = " ".join(str(number) for number in range(60))


@pytest.fixture
def process(settings: QueueSettings) -> Iterator[ModelProcess]:
    """A chat model's process, slow enough to be interrupted."""
    own = WorkerSettings.model_validate(settings.model_dump())
    model = Model(
        name=settings.key_prefix,
        kind="chat",
        source="echo:",
        slots=4,
        context=1024,
        tokens_per_s=40,
    )
    celery = make_celery(settings)
    process = ModelProcess(own, celery, model)
    process.start()
    yield process
    process.drain()
    process.ledger.redis.delete(model.queue)
    process.close()
    celery.close()


def ticket(process: ModelProcess) -> threading.Thread:
    """A handler, as a ticket starts it."""
    thread = threading.Thread(target=handlers.chat, args=(process,), daemon=True)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Until the condition holds."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def test_the_second_attempt_is_not_ended_with_the_first(
    process: ModelProcess, settings: QueueSettings
) -> None:
    """The job that its own worker claims once more is done, with every token once."""
    queue, ledger = process.model.queue, process.ledger
    upkeep = Upkeep(ledger.redis, settings)
    job = ChatJob(id=new_id(), model=process.model.name, messages=(Message("user", TEXT),))
    ledger.accept(job, queue)
    first = ticket(process)
    wait_for(lambda: len(ledger.log(job.id)) > 5)
    assert upkeep.reap(queue, [process.leases.holder]) == [(job.id, "queued")]
    second = ticket(process)
    wait_for(lambda: ledger.state(job.id) not in {"queued", "running"}, 20)
    assert ledger.state(job.id) == "done"
    said = [event.text for _, event in ledger.log(job.id) if isinstance(event, Token)]
    assert "".join(said) == TEXT
    for handler in (first, second):
        handler.join(5)
        assert not handler.is_alive()
    assert process.leases.held() == []


def test_an_attempt_that_was_lost_before_it_began_computes_nothing(
    process: ModelProcess, settings: QueueSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fenced while its prompt was made, it leaves no sequence in the engine."""
    queue, ledger = process.model.queue, process.ledger
    real = process.asker.request

    def request(*given: object) -> object:
        [reply] = process.leases.held()
        reply.lose()
        return real(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(process.asker, "request", request)
    job = ChatJob(id=new_id(), model=process.model.name, messages=(Message("user", TEXT),))
    ledger.accept(job, queue)
    ticket(process).join(5)
    wait_for(lambda: not process.engine.busy_slots, 0.5)
    time.sleep(0.1)
    assert process.engine.busy_slots == {}
