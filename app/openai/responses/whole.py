"""One whole response, put together from the job's events."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from app.openai.responses.course import Course
from app.openai.responses.errors import by_its_fields
from tasks.claims import State
from tasks.events import Event, Failed
from tasks.jobs import ChatJob

_encode = msgspec.json.Encoder().encode


class ResponseAnswer:
    """The answer to whoever waits for it."""

    def __init__(self, job: ChatJob) -> None:
        self._course = Course(job)

    def add(self, event: Event) -> None:
        """Take in the next event of the log; raises the error that a ``Failed`` carries."""
        if isinstance(event, Failed):
            raise by_its_fields(event.error())
        _read(self._course, event)

    def body(self) -> bytes:
        """The response; complete only after ``Done``."""
        return _encode(self._course.response())


def render_response(
    job: ChatJob, state: State, log: Iterable[Event], finished_s: float | None = None
) -> bytes:
    """The response of a job in ``state``; of one that has ended with what its ``log`` holds."""
    course = Course(job)
    if state == "running":
        course.start()
    for event in log:
        _read(course, event)
    response = course.response()
    if response.status == "completed" and finished_s is not None:
        response = msgspec.structs.replace(response, completed_at=int(finished_s))
    return _encode(response)


def _read(course: Course, event: Event) -> None:
    for _ in course.take(event):
        pass
