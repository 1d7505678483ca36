"""The course of one batch, from its input to its files, in the hands of one driver.

Whatever is in memory here can be found again: the plan and the counts in Redis, and results in the
logs of jobs until they are committed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog

from app.batches import planning, results, window
from app.batches.computing import Computing
from app.batches.flight import Flight
from app.batches.gathered import Gathered
from app.batches.parts import Parts
from app.batches.progress import Progress
from app.batches.record import BatchRecord, LineError, Status
from app.batches.results import Results, Unanswered
from app.batches.source import InputLost, Source
from app.batches.validation import Validation
from app.batches.window import Standing
from tasks.errors import QueueFull, QueueOutOfMemory, UnknownJob
from tasks.jobs import new_id
from tasks.records import Record

log = structlog.get_logger(__name__)

# After the queue had no room for a job.
PAUSE_S = 1.0

_INPUT_LOST = LineError("input_file_lost", "The input file's bytes are gone from the store.")


class Course:
    """One batch that this driver has taken over.

    1. ``see`` and ``hear`` tell it how its record and its jobs stand.
    2. ``go`` brings it on by a step: a moment of checking, or one piece of its files at most.
    3. ``TakenOver`` from either means that it is to be taken over anew, by whoever is elected.
    """

    def __init__(self, record: BatchRecord, parts: Parts, breathe: Callable[[], None]) -> None:
        self._parts = parts
        self._breathe = breathe
        self._progress = Progress(record, parts, breathe)
        self._source = Source(parts.store, record.order, parts.images)
        self._computing = Computing(parts, record.order, self._source)
        self._validation: Validation | None = None
        self._flight = Flight()
        self._gathered = Gathered()
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
    def record(self) -> BatchRecord:
        """The batch as this driver has it."""
        return self._progress.record

    @property
    def in_flight(self) -> list[str]:
        """The ids of its accepted jobs, as far as it knows."""
        return list(self._flight.accepted)

    def see(self, record: BatchRecord) -> None:
        """Take in its record as it stands."""
        self._progress.see(record)

    def hear(self, found: Mapping[str, Record | None]) -> None:
        """Take in how its accepted jobs stand; those that nobody wants any more are cancelled."""
        self._flight.hear(found)
        if self._ending() is None:
            return
        for job_id in self._flight.accepted:
            record = found.get(job_id)
            if record is not None and not record.cancelling:
                with suppress(UnknownJob):
                    self._parts.gateway.cancel(record)

    def standing(self) -> Standing:
        """What it has in flight, and how many jobs could follow."""
        following = 0
        waits = self._behind or time.monotonic() < self._paused_until_s
        if self.record.status == "in_progress" and self._ending() is None and not waits:
            following = len(self._flight.planned) + self._computing.jobs_of(self._progress.unread)
        return Standing(self.record.id, self._flight.width, following, self._served_at)

    # ---- the algorithm ------------------------------------------------------------------

    def go(self, room: int, turn: int) -> bool:
        """Go on, with at most ``room`` more jobs in flight; whether there is more to do at once."""
        ending = self._ending()
        try:
            if self.record.status == "validating" and ending is None:
                return self._validate()
            if ending is None:
                self._plan(room)
                self._accept(room, turn)
            else:
                self._give_up(ending)
            self._collect(ending)
            self._commit()
            if self._is_done():
                self._progress.finish(self._end())
                return False
        except InputLost:
            self._progress.finish("failed", _INPUT_LOST)
            return False
        if not (self._flight.accepted or self._flight.ended):
            # Thousands of batches may wait for a model, and none of them holds a file open.
            self._source.close()
        return bool(self._flight.ended) or (ending is not None and not self._flight.accepted)

    def _ending(self) -> Unanswered | None:
        """What becomes of lines without an answer, if nothing is to be computed any more."""
        if self.record.status == "cancelling":
            return results.cancelled
        if self.record.status != "finalizing" and self._progress.late:
            return results.expired
        return None

    def _end(self) -> Status:
        if self.record.status == "cancelling":
            return "cancelled"
        return "completed" if self._ending() is None else "expired"

    def _validate(self) -> bool:
        if self._validation is None:
            parts = self._parts
            self._validation = Validation(
                self._source, self.record.order, parts.gateway.catalog, parts.settings, parts.images
            )
        checked = self._validation.step()
        if checked is None:
            return True
        self._validation = None
        if checked.errors:
            self._progress.finish("failed", *checked.errors)
        else:
            self._progress.advance("in_progress", total=checked.total, model=checked.model)
        return True

    def _plan(self, room: int) -> None:
        """Give lines to jobs, a little ahead of what may be accepted."""
        if room > len(self._flight.planned) and self._progress.unread:
            self._plan_stretch(self._computing.stretch_lines)

    def _plan_stretch(self, most: int) -> None:
        lines = self._source.lines(self.record.offset, self.record.cursor + 1)
        taken = planning.stretch(lines, min(most, self._progress.unread))
        if not taken:
            raise InputLost("it ends before its last line")
        last, _ = taken[-1]
        pieces = {new_id(): piece for piece in self._computing.divide(taken)}
        self._progress.plan(pieces, len(taken), last.offset + last.length)
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
        if not self._flight.planned and self._progress.unread:
            self._plan_stretch(planning.STRETCH_LINES)
        while self._flight.planned and not self._gathered.full:
            job_id, piece = self._flight.planned.popitem()
            self._gathered.add(job_id, self._computing.unanswered(piece, unanswered))

    def _collect(self, ending: Unanswered | None) -> None:
        while self._flight.ended and not (self._gathered.full or self._gathered.again):
            job_id, piece = next(iter(self._flight.ended.items()))
            found = self._computing.results(job_id, piece)
            if found.again and ending is not None:
                found = self._computing.unanswered(piece, ending)
            del self._flight.ended[job_id]
            self._gathered.add(job_id, found)

    def _commit(self) -> None:
        """Store and count what was gathered, when it is enough or has waited for long enough."""
        if self._gathered.jobs and self._is_due():
            gathered, self._gathered = self._gathered, Gathered()
            self._flight.planned |= self._progress.commit(gathered)
        self._behind = self._behind and bool(self._flight.ended or self._gathered.jobs)

    def _is_due(self) -> bool:
        gathered, flight = self._gathered, self._flight
        idle = not (flight.accepted or flight.ended)
        long_enough = gathered.age_s >= window.keep_after_s(self._progress.age_s)
        return idle or long_enough or gathered.full or bool(gathered.again) or self._behind

    def _is_done(self) -> bool:
        return not self._progress.unread and self._flight.empty and not self._gathered.jobs
