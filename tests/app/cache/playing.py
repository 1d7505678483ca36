"""A worker's part, played by a thread: what it computed, as whom, and when, is up to the test."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from tasks import events
from tasks.claims import Claim, State
from tasks.events import Done, Event, Failed, Finished, Started, Token, Usage, Vectors
from tasks.gateway import Gateway
from tasks.identities import Identities
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job
from tasks.ledger import Entry

CHAT, EMBED = "absent", "echo-embed"
DIMENSIONS = 4


class Player:
    """Answers the jobs of ``CHAT`` and ``EMBED``: text by echoing it, vectors by hashing it.

    ``jobs`` are those that it took. While ``gate`` is not set, what it took is not answered.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.jobs: list[Job] = []
        self.gate = threading.Event()
        self.gate.set()
        self.identity = "first"
        self.failure: Failed | None = None
        self.tells_tokens = True
        self.ending = "stop"
        self._gateway = gateway
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def says_it_is(self, identity: str) -> None:
        """From now on it is ``identity`` who computes, and everybody is told."""
        self.identity = identity
        said = Identities(self._gateway.redis, self._gateway.settings)
        for model in self._gateway.catalog:
            said.say(model, identity)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Until the end of the block."""
        self._thread.start()
        try:
            yield
        finally:
            self._over.set()
            self.gate.set()
            self._thread.join()

    def _run(self) -> None:
        while not self._over.is_set():
            for queue in (f"chat.{CHAT}", f"embed.{EMBED}"):
                claim = self._gateway.ledger.claim(queue, "player")
                if isinstance(claim, Claim):
                    job = claim.job()
                    self.jobs.append(job)
                    self.gate.wait()
                    self._say(claim, queue, self._answer(job))
            self._over.wait(0.002)

    def _say(self, claim: Claim, queue: str, said: list[Event]) -> None:
        state: State = "failed" if isinstance(said[-1], Failed) else "done"
        encoded = [events.encode(event) for event in said]
        self._gateway.ledger.append([Entry(claim, queue, 1, encoded, state)])

    def _answer(self, job: Job) -> list[Event]:
        if self.failure is not None:
            return [self.failure]
        if isinstance(job, EmbedJob):
            return self._vectors(job)
        text = job.messages[-1].content if isinstance(job, ChatJob) else "".join(job.texts)
        said: list[Event] = [Started(len(text))]
        for index in range(choices_of(job)):
            words = text.split(" ")
            said += [Token(index, (number,), f"{word} ") for number, word in enumerate(words)]
            said.append(Finished(index, self.ending, len(words)))
        return [*said, Done(Usage(len(text), len(text.split(" "))), None, self.identity)]

    def _vectors(self, job: EmbedJob) -> list[Event]:
        inputs = [*job.texts, *map(str, job.tokens)]
        rows = np.array([vector(text, job.dimensions or DIMENSIONS) for text in inputs])
        tokens = tuple(map(len, inputs))
        told = tokens if self.tells_tokens else ()
        data = rows.astype("<f4").tobytes()
        done = Done(Usage(sum(tokens)), None, self.identity)
        return [Started(sum(tokens)), Vectors(0, rows.shape[1], data, told), done]


def choices_of(job: ChatJob | CompletionJob) -> int:
    """How many choices an answer to ``job`` has."""
    return job.n * (1 if isinstance(job, ChatJob) else len(job.texts) + len(job.tokens))


def vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """What the player says for ``text``; no two texts have the same."""
    return [byte / 256 for byte in hashlib.sha256(text.encode()).digest()[:dimensions]]
