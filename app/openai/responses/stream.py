"""A response's events as its stream tells them: several for one event of the job's log, or none.

They have names, and numbers of their own, from 1 without gaps; both stand in the data and before
it. Which number an event has follows from the log alone, so that any process can go on with a
stream that another one began.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from app import sse
from app.openai.chat_shapes import ContentLogprob
from app.openai.errors import body_of
from app.openai.responses.course import Course
from app.openai.responses.output import Added, Called, Change, Closed, Item, Opened, Said, Spoken
from app.openai.responses.plain import in_background
from app.openai.responses.shapes import OutputItem, OutputText
from app.openai.restart import resumable_ending
from tasks.errors import TaskError
from tasks.events import Done, Event, Failed, Started
from tasks.jobs import ChatJob

_encode = msgspec.json.Encoder().encode

_NO_TEXT = OutputText("")
_FIRST_PART = {"content_index": 0}
_ONLY: dict[str, int] = {}


class ResponseFrames:
    """The stream of one response. Events up to number ``skip`` were sent before."""

    def __init__(self, job: ChatJob, skip: int = 0, *, numbered: bool = True) -> None:
        """Without ``numbered`` no job has these events: nothing can be asked again by number."""
        self._waits = in_background(job)
        self._course = Course(job)
        self._skip = skip
        self._numbered = numbered
        self._number = 0

    def opening(self) -> bytes:
        """The response as it was accepted: its client knows it by its id from now on."""
        created = self._whole("response.created")
        return created + self._whole("response.queued") if self._waits else created

    def event(self, _seq: int, event: Event) -> bytes:
        """All that ``event`` comes to."""
        said = [each for change in self._course.take(event) for each in self._tell(change)]
        match event:
            case Started():
                said.append(self._whole("response.in_progress"))
            case Done() | Failed():
                said.append(self._end())
        return b"".join(said)

    def restarting(self, job_id: str, _seq: int) -> bytes:
        """An error that says where the stream goes on."""
        return self._error(resumable_ending(job_id, max(self._number, self._skip)))

    def failed(self, error: TaskError) -> bytes:
        """An error: the response may have come to its end, and cannot be read."""
        return self._error(body_of(error))

    def _tell(self, change: Change) -> Iterator[bytes]:
        match change:
            case Opened(item):
                yield from self._opened(item)
            case Said(item, text, logprobs):
                yield self._said(item, text, logprobs)
            case Added(item, arguments):
                yield self._of("response.function_call_arguments.delta", item, {"delta": arguments})
            case Closed(item):
                yield from self._closed(item)

    def _opened(self, item: Item) -> Iterator[bytes]:
        shape = item.shape()
        if isinstance(item, Spoken):
            shape = msgspec.structs.replace(shape, content=())
        yield self._item("response.output_item.added", item, shape)
        if isinstance(item, Spoken):
            yield self._of("response.content_part.added", item, {"part": _NO_TEXT}, _FIRST_PART)

    def _said(self, item: Spoken, text: str, logprobs: tuple[ContentLogprob, ...]) -> bytes:
        more = {"delta": text, "logprobs": logprobs}
        return self._of("response.output_text.delta", item, more, _FIRST_PART)

    def _closed(self, item: Item) -> Iterator[bytes]:
        match item:
            case Spoken():
                part = item.part()
                text = {"text": part.text, "logprobs": part.logprobs}
                yield self._of("response.output_text.done", item, text, _FIRST_PART)
                yield self._of("response.content_part.done", item, {"part": part}, _FIRST_PART)
            case Called():
                whole = {"name": item.name, "arguments": item.arguments()}
                yield self._of("response.function_call_arguments.done", item, whole)
        yield self._item("response.output_item.done", item, item.shape())

    def _item(self, name: str, item: Item, shape: OutputItem) -> bytes:
        return self._frame(name, {"output_index": item.place, "item": shape})

    def _of(
        self, name: str, item: Item, more: dict[str, Any], where: dict[str, int] = _ONLY
    ) -> bytes:
        of = {"item_id": item.id, "output_index": item.place}
        return self._frame(name, of | where | more)

    def _whole(self, name: str) -> bytes:
        return self._frame(name, {"response": self._course.response()})

    def _end(self) -> bytes:
        response = self._course.response()
        known = response.status in ("completed", "incomplete")
        name = f"response.{response.status}" if known else "response.failed"
        return self._frame(name, {"response": response})

    def _frame(self, name: str, data: dict[str, Any]) -> bytes:
        """The next event, unless its client has it; its number counts in any case."""
        self._number += 1
        if self._number <= self._skip:
            return b""
        body = _encode({"type": name} | data | {"sequence_number": self._number})
        return sse.named(name, body, self._number if self._numbered else None)

    def _error(self, body: bytes) -> bytes:
        """An event of the stream and not of the response: the number is the last one's.

        OpenAI's description has the error's fields beside the type; its Python client raises an
        error only for what is below ``error``.
        """
        error: dict[str, Any] = msgspec.json.decode(body)["error"]
        flat = {name: error[name] for name in ("code", "message", "param")}
        number = max(self._number, self._skip)
        return sse.named(
            "error",
            _encode({"type": "error"} | flat | {"error": error, "sequence_number": number}),
            None,
        )
