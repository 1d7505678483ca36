"""A job's events to bytes: which answer or chunks its kind has, written as ``job.shown`` says.

The job is all that is needed, so any API process can write the answer to a request that another
one took.
"""

from __future__ import annotations

from typing import Protocol

from app.framing import ChunkFrames, Frames
from app.openai.chat_render import ChatAnswer, ChatStream
from app.openai.completion_render import CompletionAnswer, CompletionStream
from app.openai.embeddings import EmbeddingsAnswer
from app.openai.errors import error_body, error_type
from app.openai.responses.stream import ResponseFrames
from app.openai.responses.whole import ResponseAnswer
from tasks.events import Done, Event, Failed
from tasks.jobs import ChatJob, CompletionJob, EmbedJob, Job


class Answer(Protocol):
    """Collects events into one body."""

    def add(self, event: Event) -> None:
        """Take the next event."""

    def body(self) -> bytes:
        """The whole answer as JSON."""


class Chunks(Protocol):
    """Turns each event into one chunk."""

    def chunk(self, event: Event) -> bytes | None:
        """The event's chunk as JSON; None for one that clients do not see."""


def answer_of(job: Job) -> Answer:
    """What collects the events of ``job`` into its whole answer."""
    match job:
        case ChatJob() if job.response is not None:
            return ResponseAnswer(job)
        case ChatJob():
            return ChatAnswer(job, job.shown.timings)
        case CompletionJob():
            return CompletionAnswer(job, job.shown.timings)
        case EmbedJob():
            return EmbeddingsAnswer(job, job.shown.base64)


def chunks_of(job: Job) -> Chunks:
    """What turns the events of ``job`` into the chunks of its stream."""
    match job:
        case ChatJob():
            return ChatStream(job, job.shown.include_usage, job.shown.timings)
        case CompletionJob():
            return CompletionStream(job, job.shown.include_usage, job.shown.timings)
        case EmbedJob():
            return _EmbeddingsStream(job)


def frames_of(job: Job, *, skip: int = 0, numbered: bool = True) -> Frames:
    """What turns the events of ``job`` into the bytes of its stream.

    Events of the stream up to number ``skip`` were sent before: they are taken in for what later
    ones need to know of them. Without ``numbered`` no job has these events.
    """
    if isinstance(job, ChatJob) and job.response is not None:
        return ResponseFrames(job, skip, numbered=numbered)
    return ChunkFrames(chunks_of(job).chunk, skip, numbered=numbered)


class _EmbeddingsStream:
    """Nothing until the job is done, then the whole answer: half of the vectors help nobody."""

    def __init__(self, job: EmbedJob) -> None:
        self._answer = answer_of(job)

    def chunk(self, event: Event) -> bytes | None:
        if isinstance(event, Failed):
            return error_body(event.message, error_type(event.error()), event.param, event.code)
        self._answer.add(event)
        return self._answer.body() if isinstance(event, Done) else None
