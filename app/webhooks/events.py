"""The event that says a job has ended. It holds the job's id and nothing of the job."""

from __future__ import annotations

from typing import Literal

import msgspec

End = Literal["done", "failed", "cancelled", "expired"]
Type = Literal["job.completed", "job.failed", "job.cancelled", "job.expired"]

TYPES: dict[End, Type] = {
    "done": "job.completed",
    "failed": "job.failed",
    "cancelled": "job.cancelled",
    "expired": "job.expired",
}


class Subject(msgspec.Struct, frozen=True):
    """What the event is about: the receiver asks for the rest at ``/v1/jobs/{id}``."""

    id: str


class JobEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event; its id and its bytes are the same on every try, so a receiver can drop repeats."""

    id: str
    object: Literal["event"] = "event"
    created_at: int
    type: Type
    data: Subject

    def body(self) -> bytes:
        """The request body that is sent and signed."""
        return msgspec.json.encode(self)


def job_ended(job_id: str, end: End, finished_s: int) -> JobEvent:
    """The event of a job's end."""
    return JobEvent(
        id=f"evt_{job_id}", created_at=finished_s, type=TYPES[end], data=Subject(job_id)
    )
