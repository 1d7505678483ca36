"""A response in the course of its job: where it stands after each event of the log."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from app.openai.responses.errors import response_error
from app.openai.responses.output import Change, Output
from app.openai.responses.plain import plain_response, response_usage
from app.openai.responses.shapes import Incomplete, Response
from tasks.errors import JobCancelled
from tasks.events import Done, Event, Failed, Finished, Started, Token
from tasks.jobs import ChatJob


class Course:
    """One response, from when its job was accepted."""

    def __init__(self, job: ChatJob) -> None:
        self._response = plain_response(job)
        self._output = Output(job.id)
        self._cut = False

    def response(self) -> Response:
        """The response as it stands."""
        return replace(self._response, output=self._output.shapes())

    def start(self) -> None:
        """Somebody computes it."""
        self._response = replace(self._response, status="in_progress")

    def take(self, event: Event) -> Iterator[Change]:
        """What is new with the next event of the log; must be read to its end."""
        match event:
            case Token():
                yield from self._output.take(event)
            case Started():
                self.start()
            case Finished():
                self._cut = event.reason == "length"
                yield from self._output.finish(cut=self._cut)
            case Done():
                self._end(event)
            case Failed():
                self._fail(event)
            case _:
                raise TypeError(f"a chat job's log holds no {type(event).__name__}")

    def _end(self, done: Done) -> None:
        self._response = replace(
            self._response,
            status="incomplete" if self._cut else "completed",
            incomplete_details=Incomplete() if self._cut else None,
            usage=response_usage(done.usage),
        )

    def _fail(self, failed: Failed) -> None:
        self._output.break_off()
        self._response = replace(
            self._response,
            status="cancelled" if failed.code == JobCancelled.code else "failed",
            error=response_error(failed.error()),
        )
