"""A process that rests: it finishes what runs and takes nothing more. Real Redis, no Celery."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import pytest
from numpy.typing import NDArray

from tasks.celery import make_celery
from tasks.jobs import ChatJob, EmbedJob, Message, new_id
from tasks.ledger import Ledger
from tasks.model import Model
from tasks.roster import Report, Roster
from tasks.settings import QueueSettings
from worker import handlers
from worker.process import ModelProcess
from worker.settings import WorkerSettings

TEXT = " ".join(str(number) for number in range(40))


@contextmanager
def started(settings: QueueSettings, **fields: object) -> Iterator[ModelProcess]:
    """A process of an echo model that is ready, and whose consumer stops when it is asked to."""
    own = WorkerSettings.model_validate(settings.model_dump())
    given = {"kind": "chat", "slots": 2, "context": 512, "tokens_per_s": 40.0, **fields}
    model = Model(name=settings.key_prefix, source="echo:", **given)  # type: ignore[arg-type]
    celery = make_celery(settings)
    process = ModelProcess(own, celery, model)
    process.start()
    process.ready(lambda then: then())
    yield process
    process.drain()
    process.ledger.redis.delete(model.queue)
    process.close()
    celery.close()


@pytest.fixture
def chat(settings: QueueSettings) -> Iterator[ModelProcess]:
    """Of a chat model."""
    with started(settings) as process:
        yield process


@pytest.fixture
def embed(settings: QueueSettings) -> Iterator[ModelProcess]:
    """Of an embedding model."""
    with started(settings, kind="embed", tokens_per_s=0.0) as process:
        yield process


def accept(process: ModelProcess) -> str:
    """A waiting job."""
    job: ChatJob | EmbedJob
    if process.model.kind == "embed":
        job = EmbedJob(id=new_id(), model=process.model.name, texts=("a text",))
    else:
        job = ChatJob(id=new_id(), model=process.model.name, messages=(Message("user", TEXT),))
    process.ledger.accept(job, process.model.queue)
    return job.id


def ticket(process: ModelProcess) -> threading.Thread:
    """A handler, as a ticket starts it."""
    handler = handlers.embed if process.model.kind == "embed" else handlers.chat
    thread = threading.Thread(target=handler, args=(process,), daemon=True)
    thread.start()
    return thread


def wait_for(condition: Callable[[], bool], timeout_s: float = 10.0) -> None:
    """Until the condition holds."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.005)


def report(process: ModelProcess, settings: QueueSettings) -> Report:
    """What the process reported last."""
    return Roster(process.ledger.redis, settings).workers(process.model.queue)[
        process.leases.holder
    ]


def tickets(process: ModelProcess) -> int:
    """How many tickets lie in the model's queue."""
    return int(process.ledger.redis.llen(process.model.queue))


def test_what_runs_is_finished_and_what_waits_is_left(
    chat: ModelProcess, settings: QueueSettings
) -> None:
    """The report says draining at once, with what is still held, and then with nothing."""
    running = accept(chat)
    handler = ticket(chat)
    wait_for(lambda: len(chat.ledger.log(running)) > 3)
    chat.rest()
    wait_for(lambda: report(chat, settings).state == "draining", 0.5)
    assert report(chat, settings).busy == 1
    waiting = accept(chat)
    ticket(chat).join(5)
    handler.join(10)
    assert chat.ledger.state(running) == "done"
    assert chat.ledger.record(running)["attempt"] == "1"
    assert chat.ledger.state(waiting) == "queued"
    wait_for(lambda: report(chat, settings).busy == 0, 1)
    assert report(chat, settings).state == "draining"


@pytest.mark.parametrize("kind", ["chat", "embed"])
def test_a_ticket_that_comes_is_passed_on(kind: str, request: pytest.FixtureRequest) -> None:
    """It is there for another worker, as soon as this one consumes no more, and only once."""
    process: ModelProcess = request.getfixturevalue(kind)
    process.rest()
    accept(process)
    ticket(process).join(5)
    assert tickets(process) == 1


def test_a_ticket_without_a_job_is_not_passed_on(chat: ModelProcess) -> None:
    """There is nothing that another worker could do with it."""
    chat.rest()
    ticket(chat).join(5)
    assert tickets(chat) == 0


def test_a_ticket_waits_until_nothing_is_consumed_any_more(settings: QueueSettings) -> None:
    """Before, this very worker would take it again, and pass it on again."""
    with started(settings) as process:
        told: list[Callable[[], object]] = []
        process.ready(told.append)
        process.rest()
        accept(process)
        handler = ticket(process)
        time.sleep(0.3)
        assert tickets(process) == 0
        told[0]()
        handler.join(1)
        assert tickets(process) == 1


def test_embeddings_in_hand_are_finished_and_the_next_is_nobodys_word(
    embed: ModelProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The handler leaves with its last job, and a job accepted on its word has a ticket then."""
    gate = threading.Event()
    real = embed.embed.embed

    def computed(inputs: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        assert gate.wait(20)
        return real(inputs)

    monkeypatch.setattr(embed.embed, "embed", computed)
    running = accept(embed)
    handler = ticket(embed)
    wait_for(lambda: len(embed.leases.held()) == 1)
    embed.rest()
    waiting = accept(embed)
    time.sleep(0.5)
    assert handler.is_alive()
    gate.set()
    handler.join(5)
    assert not handler.is_alive()
    assert embed.ledger.state(running) == "done"
    assert embed.ledger.state(waiting) == "queued"
    assert not embed.ledger.redis.exists(embed.ledger.keys.awake(embed.model.queue))
    assert tickets(embed) >= 1


def test_it_rests_when_its_own_name_is_called(chat: ModelProcess, settings: QueueSettings) -> None:
    """On the control channel of its queue; another worker's name is not meant."""
    roster = Roster(chat.ledger.redis, settings)
    roster.ask_to_drain(chat.model.queue, chat.leases.node + "2")
    time.sleep(0.2)
    assert not chat.resting.is_set()
    roster.ask_to_drain(chat.model.queue, chat.leases.node)
    wait_for(chat.resting.is_set, 2)
    assert report(chat, settings).state in ("ready", "draining")


def test_a_process_that_rested_still_drains(chat: ModelProcess, ledger: Ledger) -> None:
    """SIGTERM means now: what runs is given back, whatever was said before."""
    running = accept(chat)
    handler = ticket(chat)
    wait_for(lambda: len(ledger.log(running)) > 3)
    chat.rest()
    chat.drain()
    handler.join(5)
    assert ledger.state(running) == "queued"


def test_a_process_that_was_asked_to_rest_while_it_loaded_never_says_ready(
    settings: QueueSettings,
) -> None:
    """It is heard before the model is loaded, and its consumer is stopped once there is one."""
    own = WorkerSettings.model_validate(settings.model_dump())
    model = Model(name=settings.key_prefix, kind="chat", source="echo:", slots=1, context=64)
    celery = make_celery(settings)
    process = ModelProcess(own, celery, model)
    process.rest()
    process.start()
    stopped = threading.Event()
    process.ready(lambda _: stopped.set())
    assert stopped.is_set()
    wait_for(lambda: bool(Roster(process.ledger.redis, settings).workers(model.queue)))
    assert report(process, settings).state == "draining"
    process.close()
    celery.close()
