"""The course of one batch, from its input to its files, in the hands of one driver.

Whatever is in memory here can be found again: the plan and the counts in Redis, results in the
logs of jobs, and what is stored without being committed belongs to nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from msgspec.structs import replace

from app.batches import planning, results, window
from app.batches.computing import Computing
from app.batches.errors import TakenOver
from app.batches.finishing import Finisher, piece_name
from app.batches.finishing import Results as Side
from app.batches.flight import Flight
from app.batches.gathered import Gathered
from app.batches.parts import Parts
from app.batches.record import BatchRecord, LineError, Status
from app.batches.results import Results, Unanswered
from app.batches.source import InputLost, Source
from app.batches.validation import Validation
from app.batches.window import Standing
from app.files.errors import UnknownFile
from tasks.errors import QueueFull, QueueOutOfMemory
from tasks.jobs import new_id
from tasks.records import Record

log = structlog.get_logger(__name__)

# After the queue had no room for a job.
PAUSE_S = 1.0

_INPUT_LOST = LineError("input_file_lost", "The input file's bytes are gone from the store.")
_PIECE_LOST = LineError("results_lost", "Results that were stored are gone from the store.")


class Course:
    """One batch that this driver has taken over.

    1. ``see`` and ``hear`` tell it how its record and its jobs stand.
    2. ``go`` brings it on by a step: a moment of checking, or one piece of its files at most.
    3. ``TakenOver`` from either means that it is to be taken over anew, by whoever is elected.
    """

    def __init__(self, record: BatchRecord, parts: Parts, breathe: Callable[[], None]) -> None:
        self.record = record
        self._parts = parts
        self._breathe = breathe
        self._book = parts.book
        self._source = Source(parts.store, record.order, parts.images)
        self._computing = Computing(parts, record.order, self._source)
        self._finisher = Finisher(parts.store, parts.register, breathe)
        self._validation: Validation | None = None
        self._flight = Flight()
        self._gathered = Gathered()
        self._stored = 0
        self._paused_until_s = 0.0
        self._served_at = 0
        # What an earlier driver left is kept before anything follows. A store that takes nothing
        # was given more and more to take otherwise, and all of it lies in Redis's memory.
        self._behind = False

    @classmethod
    def take_over(cls, batch_id: str, parts: Parts, breathe: Callable[[], None]) -> Course:
        """The course of a batch from where it is; ``UnknownBatch``, ``TakenOver``."""
        course = cls(parts.book.take(batch_id), parts, breathe)
        pieces = parts.book.pieces(batch_id)
        found = parts.gateway.records.many(list(pieces))
        course._flight.recall(pieces, dict(zip(pieces, found, strict=True)))
        course._behind = bool(course._flight.ended)
        return course

    def close(self) -> None:
        """Let go of the input. What was not committed is found again."""
        self._source.close()

    # ---- what the driver tells and asks -------------------------------------------------

    @property
    def in_flight(self) -> list[str]:
        """The ids of its accepted jobs, as far as it knows."""
        return list(self._flight.accepted)

    def see(self, record: BatchRecord) -> None:
        """Take in its record as it stands; ``TakenOver`` unless it is this driver's doing."""
        if _done_so_far(record) != _done_so_far(self.record):
            raise TakenOver(f"the batch {record.id!r} is not as this driver left it")
        self.record = record

    def hear(self, found: Mapping[str, Record | None]) -> None:
        """Take in how its accepted jobs stand; those that nobody wants any more are cancelled."""
        self._flight.hear(found)
        if self._ending() is not None:
            for job_id in self._flight.accepted:
                record = found.get(job_id)
                if record is not None and not record.cancelling:
                    self._parts.gateway.cancel(record)

    def standing(self) -> Standing:
        """What it has in flight, and how many jobs could follow."""
        record, following = self.record, 0
        waits = self._behind or time.monotonic() < self._paused_until_s
        if record.status == "in_progress" and self._ending() is None and not waits:
            following = len(self._flight.planned)
            left = record.total - record.cursor
            following += -(-left // planning.JOB_INPUTS) if self._computing.packs else left
        return Standing(record.id, self._flight.width, following, self._served_at)

    # ---- the algorithm ------------------------------------------------------------------

    def go(self, room: int, turn: int) -> bool:
        """Go on, with at most ``room`` more jobs in flight; whether there is more to do at once."""
        try:
            ending = self._ending()
            if self.record.status == "validating" and ending is None:
                return self._validate()
            if self.record.status == "finalizing":
                return self._finish("completed")
            if ending is None:
                self._plan(room)
                self._accept(room, turn)
            else:
                self._give_up(ending)
            self._collect(ending)
            if self._is_due():
                self._commit()
            self._behind = self._behind and bool(self._flight.ended or self._gathered.jobs)
            if self._is_done():
                return self._finish(self._end())
        except InputLost:
            return self._fail(_INPUT_LOST)
        return bool(self._flight.ended) or (ending is not None and not self._flight.accepted)

    def _ending(self) -> Unanswered | None:
        """What becomes of lines without an answer, if nothing is to be computed any more."""
        if self.record.status == "cancelling":
            return results.cancelled
        if self.record.status in ("validating", "in_progress") and self._is_late():
            return results.expired
        return None

    def _is_late(self) -> bool:
        return self._parts.now_s() >= self.record.order.expires_at

    def _end(self) -> Status:
        if self.record.status == "cancelling":
            return "cancelled"
        return "expired" if self._is_late() else "completed"

    def _validate(self) -> bool:
        parts, order = self._parts, self.record.order
        if self._validation is None:
            self._validation = Validation(
                self._source, order, parts.gateway.catalog, parts.settings, parts.images
            )
        checked = self._validation.step()
        if checked is None:
            return True
        self._validation = None
        if checked.errors:
            return self._finish("failed", errors=checked.errors)
        self._advance("in_progress", total=checked.total, model=checked.model)
        return True

    def _plan(self, room: int) -> None:
        """Give lines to jobs, a little ahead of what may be accepted."""
        if room > len(self._flight.planned) and self.record.cursor < self.record.total:
            self._plan_stretch(self._computing.stretch_lines)

    def _plan_stretch(self, most: int) -> None:
        record = self.record
        lines = self._source.lines(record.offset, record.cursor + 1)
        taken = planning.stretch(lines, min(most, record.total - record.cursor))
        if not taken:
            raise InputLost("it ends before its last line")
        last, _ = taken[-1]
        cursor, offset = record.cursor + len(taken), last.offset + last.length
        pieces = {new_id(): piece for piece in self._computing.divide(taken)}
        self._book.plan(record, pieces, cursor, offset)
        self.record = replace(record, cursor=cursor, offset=offset)
        self._flight.planned |= pieces

    def _accept(self, room: int, turn: int) -> None:
        for job_id, piece in list(self._flight.planned.items()):
            if room <= 0:
                return
            # Here above all: a driver that stood still must not have computed what is over.
            self._breathe()
            try:
                accepted = self._computing.accept(job_id, piece)
            except (QueueFull, QueueOutOfMemory) as error:
                self._paused_until_s = time.monotonic() + PAUSE_S
                log.warning("a batch waits", batch=self.record.id, code=error.code)
                return
            if isinstance(accepted, Results):
                del self._flight.planned[job_id]
                self._gathered.add(job_id, accepted)
                continue
            self._flight.accept(job_id, accepted)
            self._served_at = turn
            room -= accepted

    def _give_up(self, unanswered: Unanswered) -> None:
        """Answer what is not accepted, a stretch of lines at a time, by saying why not."""
        if not self._flight.planned and self.record.cursor < self.record.total:
            self._plan_stretch(planning.STRETCH_LINES)
        while self._flight.planned and not self._gathered.full:
            job_id, piece = self._flight.planned.popitem()
            self._gathered.add(job_id, self._computing.unanswered(piece, unanswered))

    def _collect(self, ending: Unanswered | None) -> None:
        while self._flight.ended and not (self._gathered.full or self._gathered.again):
            job_id = next(iter(self._flight.ended))
            piece = self._flight.ended[job_id]
            found = self._computing.results(job_id, piece)
            if found.again and ending is not None:
                found = self._computing.unanswered(piece, ending)
            del self._flight.ended[job_id]
            self._gathered.add(job_id, found)

    def _is_due(self) -> bool:
        gathered, flight = self._gathered, self._flight
        if not gathered.jobs:
            return False
        idle = not (flight.accepted or flight.ended)
        age_s = self._parts.now_s() - self.record.order.created_at
        return (
            gathered.full
            or self._behind
            or idle
            or bool(gathered.again)
            or gathered.age_s >= window.keep_after_s(age_s)
        )

    def _commit(self) -> None:
        """Store what is gathered, and only then count it."""
        gathered, self._gathered = self._gathered, Gathered()
        self._stored += 1
        commit = gathered.commit(
            self._store("output", gathered.output), self._store("errors", gathered.errors)
        )
        # A piece whose commit is refused stays: it may be a retry's, whose first call was applied.
        self._book.commit(self.record, commit)
        self._flight.planned |= commit.again
        self.record = replace(
            self.record,
            completed=self.record.completed + commit.completed,
            failed=self.record.failed + commit.failed,
        )

    def _store(self, side: Side, lines: bytearray) -> str:
        if not lines:
            return ""
        name = piece_name(self.record, self._stored, side)
        with self._parts.store.writer(name) as file:
            file.write(lines)
        return name

    def _is_done(self) -> bool:
        read = self.record.cursor == self.record.total
        return read and self._flight.empty and not self._gathered.jobs

    def _finish(self, end: Status, **fields: Any) -> bool:
        """Make the files of what was committed, and end."""
        if end == "completed" and self.record.status != "finalizing":
            self._advance("finalizing")
        output, errors = self._book.output(self.record.id)
        now_s = int(self._parts.now_s())
        try:
            output_id = self._finisher.publish(self.record, "output", output, now_s)
            error_id = self._finisher.publish(self.record, "errors", errors, now_s)
        except UnknownFile:
            end, output_id, error_id, fields = "failed", None, None, {"errors": (_PIECE_LOST,)}
        self._advance(
            end,
            forget_at_s=now_s + self._parts.settings.batch_ttl_s,
            output_file_id=output_id,
            error_file_id=error_id,
            **fields,
        )
        return False

    def _fail(self, error: LineError) -> bool:
        return self._finish("failed", errors=(error,))

    def _advance(self, status: Status, *, forget_at_s: int = 0, **fields: Any) -> None:
        fields[f"{status}_at"] = int(self._parts.now_s())
        self.record = self._book.advance(self.record, status, forget_at_s=forget_at_s, **fields)
        log.info(
            "batch",
            batch=self.record.id,
            status=status,
            total=self.record.total,
            completed=self.record.completed,
            failed=self.record.failed,
        )


def _done_so_far(record: BatchRecord) -> tuple[int, ...]:
    return (record.epoch, record.cursor, record.completed, record.failed)
