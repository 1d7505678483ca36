"""What the ledger hands out and takes back: states, claims, entries, and its answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Literal

from tasks import jobs
from tasks.jobs import Job

State = Literal["queued", "running", "done", "failed", "cancelled", "expired"]
FINAL: frozenset[State] = frozenset({"done", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True)
class Claim:
    """A job in a worker's hands: ``last_seq`` events of earlier attempts are in its log.

    It was accepted ``waited_ms`` before it was claimed, by Redis's clock.
    """

    job_id: str
    attempt: int
    last_seq: int
    version: int
    body: bytes
    waited_ms: int = 0

    @property
    def name(self) -> str:
        """This attempt's name: a worker that was taken for dead may hold two at the same job."""
        return f"{self.job_id}#{self.attempt}"

    def job(self) -> Job:
        """The job itself; ``UnsupportedVersion`` when a newer release wrote it."""
        return jobs.decode(self.body, self.version)


def job_of(name: str) -> str:
    """The job that an attempt's name belongs to."""
    return name.partition("#")[0]


@dataclass(frozen=True, slots=True)
class Entry:
    """Events that an attempt says, encoded, the first of them number ``first_seq``.

    With a ``state`` they end the job.
    """

    claim: Claim
    queue: str
    first_seq: int
    encoded: Sequence[bytes]
    state: State | None = None


class Append(IntEnum):
    """What became of an ``Entry``."""

    FENCED = 0
    LOGGED = 1
    GAP = 2


@dataclass(frozen=True, slots=True)
class Appended:
    """``last_seq`` is the log's end; ``cancelled`` says that somebody asked the job to stop."""

    status: Append
    last_seq: int
    cancelled: bool


class Accepted(IntEnum):
    """What became of a job that was to be accepted; only ``KNOWN`` is false."""

    KNOWN = 0
    NEEDS_TICKET = 1
    AWAITED = 2


class Shared(Exception):
    """Raised when an equal request is under way: the job ``job_id`` computes the answer to both."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id


class AlreadyAsked(Exception):
    """Raised when the same request came before under its idempotency key: ``job_id`` answers it."""

    def __init__(self, job_id: str) -> None:
        super().__init__(job_id)
        self.job_id = job_id
