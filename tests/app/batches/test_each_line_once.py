"""Each line of a batch is answered once, whatever happens to its drivers, its jobs, and Redis.

Two drivers that both think that they are elected work at the same batches; each may die, stand
still, or be cut off between any two of its commands. Jobs fail, are cancelled, and lose their logs
or their records; Redis forgets what it was told last. In the end every line stands in one of the
files, once, with the answer to its own question, and the counts say how many there are.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from app.batches import courses, gathered, planning, window
from app.batches.record import Endpoint, Piece
from tasks.claims import FINAL
from tasks.connection import Client
from tasks.errors import InvalidJob, ModelFailed, TaskError, UnknownJob
from tasks.jobs import ChatJob, EmbedJob, Job
from tasks.settings import QueueSettings
from tests.app.batches.fates import Fate, Killed, Tail, fated, fated_store
from tests.app.batches.mill import (
    CHAT,
    EMBED,
    Driven,
    Mill,
    Outcome,
    chat_line,
    embed_line,
    vector_of,
)

# How likely something befalls a driver at each of its commands.
HARMS = (0.004, 0.01, 0.02, 0.05)

# What a line that could have been answered may be told instead.
BAD_LUCK = {"model_error", "job_cancelled", "batch_expired", "batch_cancelled"}


class Story:
    """One history of a few batches, drawn by a seed."""

    def __init__(self, mill: Mill, seed: int, harm: float) -> None:
        self._mill = mill
        self._seed = random.Random(seed)
        self._harm = harm
        self._tail = Tail(mill.client, mill.settings.key_prefix)
        self._fates: list[Fate] = []
        self._drivers = [self._new_driver(other) for other in (1, 0)]
        self._faults = 0.0
        self.batches: dict[str, tuple[Endpoint, int]] = {}

    def run(self) -> None:
        """Some disorder, then peace until everything has ended."""
        self._begin()
        self._faults = self._seed.choice((0.0, 0.2))
        for _ in range(self._seed.randint(20, 250)):
            self._seed.choice(self._possible())()
        self._faults = 0.0
        self._end_in_peace()

    # ---- what may happen ----------------------------------------------------------------

    def _possible(self) -> list[Callable[[], None]]:
        often = [self._drive, self._drive, self._drive, self._work, self._work]
        return [*often, self._somebody_cancels, self._something_is_lost, self._redis_forgets]

    def _begin(self) -> None:
        for _ in range(self._seed.randint(1, 2)):
            endpoint = self._seed.choice((CHAT, EMBED))
            count = self._seed.randint(1, 160)
            line = chat_line if endpoint == CHAT else self._embed_line
            batch_id = self._mill.batch(endpoint, map(line, range(count)))
            self.batches[batch_id] = (endpoint, count)
        if self._seed.random() < 0.7:
            self._mill.ready(self._mill.chat)
            self._mill.ready(self._mill.embed)
        self._tail.keep()

    def _embed_line(self, number: int) -> bytes:
        many = self._seed.choice((1, 1, 1, 3, 7))
        dimensions = {"dimensions": 3} if number % 5 == 0 else {}
        return embed_line(
            number, *(f"text {number}.{place}" for place in range(many)), **dimensions
        )

    def _new_driver(self, other: int) -> Driven:
        fate = Fate(self._seed, lambda: self._meanwhile(other))
        self._fates.append(fate)
        client = fated(self._mill.client, fate)
        return self._mill.driver(self._mill.parts(client, fated_store(self._mill.store, fate)))

    def _drive(self, which: int | None = None) -> None:
        """One of the drivers does some rounds, and may be thrown away in the middle of one."""
        number = self._seed.randrange(2) if which is None else which
        fate = self._fates[number]
        for _ in range(self._seed.randint(1, 4)):
            fate.harm = self._harm if which is None else 0.0
            try:
                self._drivers[number].round()
            except Killed:
                # The kernel closes what it held open.
                self._drivers[number].forget()
                del self._fates[number]
                driver = self._new_driver(1 - number)
                self._fates.insert(number, self._fates.pop())
                self._drivers[number] = driver
                fate = self._fates[number]
            except (redis.ConnectionError, TaskError):
                self._drivers[number].forget()
            fate.harm = 0.0

    def _meanwhile(self, other: int) -> None:
        """A driver stands still: the other one takes its batches, and comes as far as it may.

        Or it blinks, and Redis was restarted.
        """
        if self._seed.random() < 0.3:
            self._tail.lose()
            return
        for _ in range(self._seed.randint(1, 4)):
            self._drive(other)
            if self._seed.random() < 0.5:
                self._work()

    def _work(self) -> None:
        for model in (self._mill.chat, self._mill.embed):
            self._mill.worker.work(model, self._seed.randint(1, 6), self._says)

    def _says(self, job: Job) -> TaskError | None:
        if self._seed.random() < self._faults:
            return ModelFailed("It broke.")
        if isinstance(job, ChatJob):
            number = int(job.messages[-1].content.split()[1])
            return InvalidJob("No.", param="messages") if is_bad(number) else None
        assert isinstance(job, EmbedJob)
        for place, text in enumerate(job.texts):
            if is_bad(int(text.split()[1].split(".")[0])):
                return InvalidJob("No.", param=f"input[{place}]")
        return None

    def _planned(self) -> dict[str, Piece]:
        book = self._mill.book
        return {k: v for batch_id in self.batches for k, v in book.pieces(batch_id).items()}

    def _somebody_cancels(self) -> None:
        """An operator cancels a job; rarely a client its batch."""
        if self._seed.random() < 0.05:
            batch_id = self._seed.choice(list(self.batches))
            with contextlib.suppress(TaskError):
                self._mill.book.cancel(batch_id)
        ledger = self._mill.parts().gateway.ledger
        if planned := self._planned():
            job_id = self._seed.choice(list(planned))
            with contextlib.suppress(UnknownJob):
                ledger.cancel(job_id, ledger.queue_of(job_id) or "")

    def _something_is_lost(self) -> None:
        """The log of a job that has ended, or all that is known of it; rarely all of the time."""
        if self._seed.random() < 0.02:
            self._mill.now_s += 100_000
        ledger = self._mill.parts().gateway.ledger
        ended = [job_id for job_id in self._planned() if ledger.state(job_id) in FINAL]
        if ended:
            job_id = self._seed.choice(ended)
            self._mill.client.delete(ledger.keys.log(job_id))
            if self._seed.random() < 0.5:
                self._mill.client.delete(ledger.keys.job(job_id))

    def _redis_forgets(self) -> None:
        if self._seed.random() < 0.3:
            self._tail.lose()
        self._tail.keep()

    def _end_in_peace(self) -> None:
        for step in range(600):
            # Each has some time for itself: a model that is not ready takes one line at a time.
            self._drive(which=step // 25 % 2)
            self._work()
            if all(self._mill.find(batch_id).ended for batch_id in self.batches):
                return
        raise AssertionError([self._mill.find(batch_id) for batch_id in self.batches])


def is_bad(number: int) -> bool:
    """Whether the worker refuses a line, for its own fault."""
    return number % 13 == 5


def check(found: Outcome, endpoint: Endpoint, count: int) -> None:
    """Each line once, with its own answer or a reason, and counted."""
    record = found.record
    if record.total:
        assert found.times == {f"line-{number}": 1 for number in range(count)}
    else:
        # Nobody had read it yet when it was cancelled, or its time was over.
        assert (record.status in ("cancelled", "expired"), not found.times) == (True, True)
    assert (record.completed, record.failed) == (len(found.answers), len(found.errors))
    for custom_id, line in found.answers.items():
        number = int(custom_id.removeprefix("line-"))
        body = line["response"]["body"]
        assert not is_bad(number)
        if endpoint == CHAT:
            assert body["choices"][0]["message"]["content"] == f"said {number}"
        else:
            told = [row["embedding"] for row in body["data"]]
            assert told == [vector_of(f"text {number}.{place}") for place in range(len(told))]
    for custom_id in found.errors:
        bad = is_bad(int(custom_id.removeprefix("line-")))
        assert found.code(custom_id) in BAD_LUCK | ({"invalid_value"} if bad else set())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Jobs, stretches and pieces of a few lines, so that there are many of each."""
    monkeypatch.setattr(planning, "STRETCH_LINES", 17)
    monkeypatch.setattr(planning, "STRETCH_ALONE", 7)
    monkeypatch.setattr(planning, "JOB_INPUTS", 6)
    monkeypatch.setattr(gathered, "MOST_BYTES", 1_500)
    monkeypatch.setattr(window, "SHORTEST_S", 0.01)
    monkeypatch.setattr(courses, "ASIDE_S", 0.0)


def tell(seed: int, client: Client, settings: QueueSettings, folder: Path) -> None:
    """The story of a seed, to its end."""
    own = settings.model_copy(update={"key_prefix": f"{settings.key_prefix}-{seed}"})
    mill = Mill(client, own, folder / str(seed))
    story = Story(mill, seed, harm=random.Random(seed).choice(HARMS))
    story.run()
    mill.close()
    for batch_id, (endpoint, count) in story.batches.items():
        check(mill.output(batch_id), endpoint, count)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("first", [0, 8, 16])
def test_each_line_once(
    first: int, client: Client, settings: QueueSettings, tmp_path: Path
) -> None:
    """In eight histories, each line is in one file, once."""
    for seed in range(first, first + 8):
        tell(seed, client, settings, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.usefixtures("small")
def test_each_line_once_for_longer(client: Client, settings: QueueSettings, tmp_path: Path) -> None:
    """The same with forty histories more."""
    for seed in range(1_000, 1_040):
        tell(seed, client, settings, tmp_path)
