"""A worker's part played step by step: what a job says, and when, is up to the test."""

from __future__ import annotations

from typing import Any

from tasks import events
from tasks.claims import State
from tasks.errors import ModelFailed
from tasks.events import Done, Event, Failed, Finished, Started, Token, Usage
from tasks.gateway import Gateway
from tasks.jobs import ChatJob, Message, new_id
from tasks.ledger import Append, Claim, Entry, Ledger

MODEL, QUEUE = "absent", "chat.absent"
HELLO: tuple[Event, ...] = (
    Started(2),
    Token(0, (1,), "hel"),
    Token(0, (2,), "lo"),
    Finished(0, "stop", 2),
    Done(Usage(2, 2)),
)
BROKEN = Failed.of(ModelFailed("It broke."))


def waiting_job(gateway: Gateway, **fields: Any) -> str:
    """The id of a new job in the background, of a model that only this module works for."""
    least: dict[str, Any] = {"id": new_id(), "model": MODEL, "messages": (Message("user", "hi"),)}
    job = ChatJob(**(least | fields))
    gateway.ledger.accept(job, QUEUE)
    return job.id


class Hand:
    """One attempt at the job that is next."""

    def __init__(self, ledger: Ledger) -> None:
        claim = ledger.claim(QUEUE, "hand")
        assert isinstance(claim, Claim)
        self.job_id = claim.job_id
        self._claim = claim
        self._ledger = ledger
        self._seq = claim.last_seq

    def say(self, *said: Event, state: State | None = None) -> None:
        """Log and publish; with a ``state`` the job ends."""
        encoded = [events.encode(event) for event in said]
        entry = Entry(self._claim, QUEUE, self._seq + 1, encoded, state)
        [appended] = self._ledger.append([entry])
        assert appended.status is Append.LOGGED
        self._seq += len(said)
