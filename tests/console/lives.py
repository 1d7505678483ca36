"""Jobs brought into every state, by the ledger's own steps."""

from __future__ import annotations

import time
from typing import Any

from tasks import events
from tasks.events import Done, Event, Failed, Finished, Started, Token, Usage
from tasks.jobs import ChatJob, Message, Priority, new_id
from tasks.ledger import Claim, Entry, Ledger, State
from tasks.records import Records
from tasks.terms import Terms
from tasks.upkeep import Upkeep

SECRET = "the-words-of-the-client"
ANSWER = ("the-words", "-of-the", "-model")


class Lives:
    """The jobs of one model. What a worker says, its test says here."""

    def __init__(self, ledger: Ledger, records: Records, upkeep: Upkeep) -> None:
        self.ledger = ledger
        self.records = records
        self.upkeep = upkeep
        self.model = ledger.settings.key_prefix
        self.queue = f"chat.{self.model}"

    def waiting(self, *, webhook_url: str = "", listened: bool = False, **fields: Any) -> ChatJob:
        """A job that waits, for nobody in particular unless it is ``listened`` to."""
        # Ids of one millisecond have no order.
        time.sleep(0.002)
        job = ChatJob(
            **{
                "id": new_id(),
                "model": self.model,
                "messages": (Message("system", "be"), Message("user", SECRET)),
                "priority": Priority.INTERACTIVE,
                "created_at": time.time(),
                **fields,
            }
        )
        terms = Terms.listened if listened else Terms.background
        self.ledger.accept(job, self.queue, terms(self.ledger.settings, webhook_url=webhook_url))
        return job

    def claimed(self, holder: str = "worker-1") -> Claim:
        """The next job, in a worker's hands."""
        claim = self.ledger.claim(self.queue, holder)
        assert isinstance(claim, Claim)
        return claim

    def say(self, claim: Claim, *said: Event, first: int = 1, state: State | None = None) -> None:
        """Log events of an attempt; with a state they end it."""
        encoded = [events.encode(event) for event in said]
        self.ledger.append([Entry(claim, self.queue, first, encoded, state)])

    def done(self, **fields: Any) -> str:
        """A job that has its answer."""
        job = self.waiting(**fields)
        tokens = [Token(0, (number,), text) for number, text in enumerate(ANSWER)]
        end = (Finished(0, "stop", 3), Done(Usage(7, 3, 2)))
        self.say(self.claimed(), Started(7, 2), *tokens, *end, state="done")
        return job.id

    def failed(self, failure: Failed, **fields: Any) -> str:
        """A job that ended with an error."""
        job = self.waiting(**fields)
        self.say(self.claimed(), failure, state="failed")
        return job.id

    def cancelled(self) -> str:
        """A job that was cancelled while it waited."""
        job = self.waiting()
        self.ledger.cancel(job.id, self.queue)
        return job.id

    def expired(self) -> str:
        """A job that waited longer than it had time."""
        job = self.waiting(deadline_at=time.time() - 1)
        time.sleep(0.01)
        assert self.upkeep.expire() == [job.id]
        return job.id

    def dead(self) -> str:
        """A job that three processes died with."""
        job = self.waiting()
        for number in range(3):
            self.claimed(f"worker-{number}")
            self.upkeep.reap(self.queue, [f"worker-{number}"], lapsed=False)
        assert self.ledger.state(job.id) == "failed"
        return job.id

    def in_state(self, state: str) -> str:
        """A job in that state; ``dead`` is one too."""
        match state:
            case "queued":
                return self.waiting().id
            case "running":
                self.waiting()
                return self.claimed().job_id
            case "failed":
                return self.failed(Failed("model_error", "It failed."))
        made: str = getattr(self, state)()
        return made
