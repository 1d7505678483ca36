"""The book and the gateway, which find out what a driver must never do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from app.batches.book import Book
from app.batches.record import BatchRecord, Commit, Piece, Status
from tasks.gateway import Gateway
from tasks.jobs import Job
from tasks.terms import Terms


class Violation(BaseException):
    """Raised where something was done that must never be; no handler may swallow it."""


class WatchedBook(Book):
    """Finds out writes that come too late, and knows which jobs were planned."""

    planned: set[str]
    truth: Book

    def plan(self, record: BatchRecord, pieces: Mapping[str, Piece], *to: int) -> None:
        """Plan, and remember."""
        with self._in_time(record):
            super().plan(record, pieces, *to)
        self.planned.update(pieces)

    def commit(self, record: BatchRecord, commit: Commit) -> None:
        """Commit, and remember what is planned again."""
        with self._in_time(record):
            super().commit(record, commit)
        self.planned.update(commit.again)

    def advance(self, record: BatchRecord, status: Status, **fields: Any) -> BatchRecord:
        """Bring it to another status."""
        with self._in_time(record):
            return super().advance(record, status, **fields)

    def pieces(self, batch_id: str) -> dict[str, Piece]:
        """What is planned, by whomever."""
        found = super().pieces(batch_id)
        self.planned.update(found)
        return found

    @contextmanager
    def _in_time(self, record: BatchRecord) -> Iterator[None]:
        """Nothing is taken from a driver that has lost the batch."""
        late = self._is_late(record)
        yield
        if late and self._is_late(record):
            raise Violation("a late write was taken")

    def _is_late(self, record: BatchRecord) -> bool:
        [now] = self.truth.many([record.id])
        return now is None or now.epoch != record.epoch


class WatchedGateway(Gateway):
    """Takes no job of a batch that was not planned first."""

    planned: set[str]

    def enqueue(self, job: Job, terms: Terms | None = None) -> None:
        """Accept a job, and publish no ticket: whoever works here looks by himself."""
        if job.id not in self.planned:
            raise Violation("accepted before it was planned")
        self._memory.check(job)
        self.ledger.accept(job, self.catalog.find(job.model).queue, terms)
