"""How a job's events become the bytes of its stream: names, numbers, and the last event.

``streaming`` decides when something is said, a ``Frames`` what it looks like. Nothing here knows
Flask or Redis.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from app import sse
from app.openai.errors import body_of
from app.openai.restart import resumable_ending
from tasks.errors import TaskError
from tasks.events import Done, Event


class Frames(Protocol):
    """One stream, in the order of the job's log. It is told events that its client has, too."""

    def opening(self) -> bytes:
        """What is said before anything has happened."""

    def event(self, seq: int, event: Event) -> bytes:
        """What is said of event number ``seq``; empty for one that clients do not see."""

    def restarting(self, job_id: str, seq: int) -> bytes:
        """The end of a stream that was cut behind event ``seq``: where ``job_id`` goes on."""

    def failed(self, error: TaskError) -> bytes:
        """The end of a stream that cannot be read on."""


class ChunkFrames:
    """One chunk for each event, under the event's own number, and ``[DONE]`` at the end.

    Events up to number ``skip`` were sent before. Without ``numbered`` no job has these events:
    they are an answer that was kept.
    """

    def __init__(
        self, chunk: Callable[[Event], bytes | None], skip: int = 0, *, numbered: bool = True
    ) -> None:
        self._chunk = chunk
        self._skip = skip
        self._numbered = numbered

    def opening(self) -> bytes:
        """Nothing: the first chunk comes with the first event."""
        return b""

    def event(self, seq: int, event: Event) -> bytes:
        """The event's chunk; the whole stream ends with the mark."""
        data = self._chunk(event)
        ends = isinstance(event, Done)
        if not self._numbered:
            return (b"" if data is None else sse.data(data)) + (sse.DONE if ends else b"")
        if seq <= self._skip:
            # Cut between the last event and the mark behind it, which has no number of its own.
            return sse.DONE if ends else b""
        if not ends:
            return b"" if data is None else sse.event(seq, data)
        if data is None:
            return sse.event(seq, b"[DONE]")
        return sse.event(seq, data) + sse.DONE

    def restarting(self, job_id: str, seq: int) -> bytes:
        """The error object that says where the stream goes on."""
        return sse.data(resumable_ending(job_id, max(seq, self._skip)))

    def failed(self, error: TaskError) -> bytes:
        """The error object: the status line is long gone."""
        return sse.data(body_of(error))
