"""The courses of all open batches, in the hands of one driver for as long as it is elected.

Forgetting everything is to drop this: another one finds the same in Redis.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
import structlog

from app.batches.course import Course
from app.batches.errors import TakenOver, UnknownBatch
from app.batches.parts import Parts
from app.batches.window import NOBODY_READY, Standing, rooms, window
from app.files.errors import StoreUnavailable
from tasks.errors import QueueUnavailable, UnknownModel
from tasks.records import Record

log = structlog.get_logger(__name__)

# Between two looks at all records, and at the models' workers.
LOOK_S = 0.25
# The more records there are, the more rarely all of them are read.
LOOK_A_BATCH_S = 0.001
# Inputs that are checked at the same time: each takes a share of every round, and memory.
CHECKED_AT_ONCE = 2
# States of jobs that are read in one round trip.
STATES_A_CALL = 500
# A batch that breaks its driver is left alone for so long, and then taken over again.
ASIDE_S = 30.0


class SeatLost(Exception):
    """Raised when another keeper is elected: nothing here is this one's any more."""


# Not the fault of the batch that meets it: the driver forgets all of them and begins again.
UNAVAILABLE = (redis.RedisError, QueueUnavailable, StoreUnavailable, OSError, SeatLost)


class Courses:
    """Every open batch; ``breathe`` is called between steps, and ends them by raising."""

    def __init__(self, parts: Parts, breathe: Callable[[], None]) -> None:
        self._parts = parts
        self._breathe = breathe
        self._courses: dict[str, Course] = {}
        self._aside_until_s: dict[str, float] = {}
        self._windows: dict[str, int] = {}
        self._look_at_s = 0.0
        self._turn = 0

    def round(self) -> bool:
        """Bring every batch on by a step; whether there is more to do at once."""
        self._look()
        self._hear()
        given = self._rooms()
        more = False
        for batch_id in self._to_bring_on():
            self._breathe()
            more = self._go(batch_id, given.get(batch_id, 0)) or more
        return more

    def _to_bring_on(self) -> list[str]:
        """All batches, but of those whose input is to be checked only the first few."""
        status = {batch_id: course.record.status for batch_id, course in self._courses.items()}
        unchecked = [batch_id for batch_id in status if status[batch_id] == "validating"]
        later = set(unchecked[CHECKED_AT_ONCE:])
        return [batch_id for batch_id in status if batch_id not in later]

    def close(self) -> None:
        """Let go of all inputs."""
        for course in self._courses.values():
            course.close()

    # ---- how things stand ---------------------------------------------------------------

    def _look(self) -> None:
        """See all records, and take over what is new; not in every round."""
        if time.monotonic() < self._look_at_s:
            return
        self._windows.clear()
        open_ids = self._parts.book.open()
        self._look_at_s = time.monotonic() + max(LOOK_S, len(open_ids) * LOOK_A_BATCH_S)
        records = dict(zip(open_ids, self._parts.book.many(open_ids), strict=True))
        for batch_id in [each for each in self._courses if records.get(each) is None]:
            self._drop(batch_id)
        for batch_id, record in records.items():
            course = self._courses.get(batch_id)
            try:
                if course is None:
                    self._take_over(batch_id)
                elif record is not None:
                    course.see(record)
            except (TakenOver, UnknownBatch):
                self._drop(batch_id)

    def _take_over(self, batch_id: str) -> None:
        if time.monotonic() >= self._aside_until_s.get(batch_id, 0.0):
            self._courses[batch_id] = Course.take_over(batch_id, self._parts, self._breathe)
            self._aside_until_s.pop(batch_id, None)

    def _hear(self) -> None:
        """Read the states of all accepted jobs, many in one round trip."""
        ids = [job_id for course in self._courses.values() for job_id in course.in_flight]
        found: dict[str, Record | None] = {}
        for start in range(0, len(ids), STATES_A_CALL):
            some = ids[start : start + STATES_A_CALL]
            found |= zip(some, self._parts.gateway.records.many(some), strict=True)
        for course in self._courses.values():
            course.hear({job_id: found[job_id] for job_id in course.in_flight})

    def _rooms(self) -> dict[str, int]:
        """How many more jobs each batch may have accepted, model by model."""
        by_model: dict[str, list[Standing]] = {}
        for course in self._courses.values():
            if course.record.model:
                by_model.setdefault(course.record.model, []).append(course.standing())
        given: dict[str, int] = {}
        for model, standings in by_model.items():
            given |= rooms(self._window(model), standings)
        return given

    def _window(self, model: str) -> int:
        if model not in self._windows:
            self._windows[model] = self._measured(model)
        return self._windows[model]

    def _measured(self, name: str) -> int:
        try:
            model = self._parts.gateway.catalog.find(name)
        except UnknownModel:
            return NOBODY_READY
        return window(model.kind, self._parts.gateway.roster.workers(model.queue).values())

    # ---- one step of one batch ----------------------------------------------------------

    def _go(self, batch_id: str, room: int) -> bool:
        course = self._courses[batch_id]
        self._turn += 1
        try:
            more = course.go(room, self._turn)
        except TakenOver:
            # By a client that cancels it, or by a driver that is elected now: looked at soon.
            self._drop(batch_id)
            self._look_at_s = 0.0
            return False
        except UNAVAILABLE:
            raise
        except Exception:
            log.exception("a batch is left alone for a while", batch=batch_id)
            self._drop(batch_id)
            self._aside_until_s[batch_id] = time.monotonic() + ASIDE_S
            return False
        if course.record.ended:
            self._drop(batch_id)
        return more

    def _drop(self, batch_id: str) -> None:
        course = self._courses.pop(batch_id, None)
        if course is not None:
            course.close()
