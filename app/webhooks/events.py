"""The events that say a job or a batch has ended. They hold its id and nothing else of it."""

from __future__ import annotations

from typing import Literal

import msgspec

End = Literal["done", "failed", "cancelled", "expired"]
BatchEnd = Literal["completed", "failed", "expired", "cancelled"]
Type = Literal[
    "job.completed",
    "job.failed",
    "job.cancelled",
    "job.expired",
    "batch.completed",
    "batch.failed",
    "batch.cancelled",
    "batch.expired",
]

TYPES: dict[End, Type] = {
    "done": "job.completed",
    "failed": "job.failed",
    "cancelled": "job.cancelled",
    "expired": "job.expired",
}
BATCH_TYPES: dict[BatchEnd, Type] = {
    "completed": "batch.completed",
    "failed": "batch.failed",
    "cancelled": "batch.cancelled",
    "expired": "batch.expired",
}


class Subject(msgspec.Struct, frozen=True):
    """What the event is about; the receiver asks for it at ``/v1/jobs`` or ``/v1/batches``."""

    id: str


class EndEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event; its id and its bytes are the same on every try, so a receiver can drop repeats."""

    id: str
    object: Literal["event"] = "event"
    created_at: int
    type: Type
    data: Subject

    def body(self) -> bytes:
        """The request body that is sent and signed."""
        return msgspec.json.encode(self)


def job_ended(job_id: str, end: End, finished_s: int) -> EndEvent:
    """The event of a job's end."""
    return _ended(job_id, TYPES[end], finished_s)


def batch_ended(batch_id: str, end: BatchEnd, ended_s: int) -> EndEvent:
    """The event of a batch's end, called as OpenAI calls it."""
    return _ended(batch_id, BATCH_TYPES[end], ended_s)


def _ended(subject_id: str, type_: Type, ended_s: int) -> EndEvent:
    return EndEvent(
        id=f"evt_{subject_id}", created_at=ended_s, type=type_, data=Subject(subject_id)
    )
