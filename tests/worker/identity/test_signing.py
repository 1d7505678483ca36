"""That answers bear what computed them: real Redis, echo models, no Celery."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tasks import events
from tasks.celery import make_celery
from tasks.events import Done, Finished, Started, Token, Vectors
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job, Message, new_id
from tasks.ledger import Claim, Entry
from tasks.model import Model
from tasks.settings import QueueSettings
from worker import handlers
from worker.process import ModelProcess
from worker.settings import WorkerSettings


def started(settings: QueueSettings, kind: str) -> Iterator[ModelProcess]:
    """A process of an echo model."""
    own = WorkerSettings.model_validate(settings.model_dump())
    model = Model(name=settings.key_prefix, kind=kind, source="echo:", slots=2, context=256)  # type: ignore[arg-type]
    celery = make_celery(settings)
    process = ModelProcess(own, celery, model)
    process.start()
    yield process
    process.drain()
    process.ledger.redis.delete(model.queue)
    process.close()
    celery.close()


@pytest.fixture
def chat(settings: QueueSettings) -> Iterator[ModelProcess]:
    """Of a chat model."""
    yield from started(settings, "chat")


@pytest.fixture
def embed(settings: QueueSettings) -> Iterator[ModelProcess]:
    """Of an embedding model."""
    yield from started(settings, "embed")


def end_of(process: ModelProcess, job: Job) -> Done:
    """The job's last event, once it is answered."""
    process.ledger.accept(job, process.model.queue)
    answer = handlers.embed if process.model.kind == "embed" else handlers.chat
    answer(process)
    _, end = process.ledger.log(job.id)[-1]
    assert isinstance(end, Done)
    return end


def test_a_chat_answer_bears_what_computed_it(chat: ModelProcess) -> None:
    """Which is known of an echo from the first."""
    job = ChatJob(id=new_id(), model="m", messages=(Message("user", "hello"),))
    assert end_of(chat, job).identity == chat.identity.digest != ""


def test_a_completion_bears_what_computed_it(chat: ModelProcess) -> None:
    """As a chat answer does."""
    job = CompletionJob(id=new_id(), model="m", texts=("hello",), max_tokens=4)
    assert end_of(chat, job).identity == chat.identity.digest != ""


def test_vectors_bear_what_computed_them_and_their_tokens(embed: ModelProcess) -> None:
    """The tokens of each input, which add up to what is charged."""
    job = EmbedJob(id=new_id(), model="m", texts=("hello", "hello hello", ""))
    done = end_of(embed, job)
    assert done.identity == embed.identity.digest != ""
    vectors = embed.ledger.log(job.id)[1][1]
    assert isinstance(vectors, Vectors)
    assert vectors.tokens == tuple(map(len, embed.embed.tokenize(job.texts)))
    assert sum(vectors.tokens) == done.usage.prompt_tokens


def test_before_it_is_known_an_answer_bears_nothing(chat: ModelProcess) -> None:
    """It is answered all the same."""
    chat.identity.digest = ""
    job = ChatJob(id=new_id(), model="m", messages=(Message("user", "hello"),))
    assert end_of(chat, job).identity == ""


def test_an_answer_that_another_attempt_began_bears_nothing(chat: ModelProcess) -> None:
    """Its first half may be what another file said."""
    queue = chat.model.queue
    job = ChatJob(id=new_id(), model="m", messages=(Message("user", "hello there"),))
    chat.ledger.accept(job, queue)
    claim = chat.ledger.claim(queue, "another worker")
    assert isinstance(claim, Claim)
    first = chat.asker.request(job, ())
    ids = tuple(chat.engine.runtime.tokenize("hel"))
    said = [events.encode(Started(len(first.prompts[0]))), events.encode(Token(0, ids, "hel"))]
    chat.ledger.append([Entry(claim, queue, 1, said)])
    chat.ledger.release(claim, queue)
    handlers.chat(chat)
    told = [event for _, event in chat.ledger.log(job.id)]
    assert "".join(each.text for each in told if isinstance(each, Token)) == "hello there"
    assert isinstance(told[-2], Finished)
    assert isinstance(told[-1], Done)
    assert told[-1].identity == ""
