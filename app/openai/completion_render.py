"""A completion job's events to OpenAI's JSON: the chunks of a stream, or one whole answer."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from app.openai.collected import Collected
from app.openai.completion_shapes import Choice, Completion, characters, logprobs
from app.openai.counts import timings_body, usage_body
from app.openai.errors import error_body, error_type
from tasks.events import Done, Event, Failed, Finished, Started, Token
from tasks.jobs import CompletionJob

_encode = msgspec.json.Encoder().encode


def choices_of(job: CompletionJob) -> int:
    """How many choices the job has: ``n`` for each prompt."""
    return job.n * (len(job.texts) + len(job.tokens))


class CompletionStream:
    """The chunks of one streamed answer: at most one for each event of the job's log.

    The first says that the answer begins, with no text yet, so that the ids of a stream's events
    are those of the job's log. What stands around a text is encoded once for each choice. With
    log probabilities a chunk's offsets depend on the chunks before it.
    """

    def __init__(self, job: CompletionJob, include_usage: bool, timings: bool = False) -> None:
        self._id = f"cmpl-{job.id}"
        self._created = int(job.created_at)
        self._model = job.model
        self._count = choices_of(job)
        self._with_logprobs = job.top_logprobs is not None
        self._offsets = [0] * self._count
        self._include_usage = include_usage
        self._with_timings = timings
        self._no_usage = None if include_usage else UNSET
        self._frames = [self._frame(index) for index in range(self._count)]

    def chunk(self, event: Event) -> bytes | None:
        """The JSON of ``event``'s chunk, or None where the protocol has none."""
        match event:
            case Token():
                if self._with_logprobs:
                    return self._with_offsets(event)
                before, after = self._frames[event.index]
                return before + _encode(event.text) + after
            case Started():
                return self._chunk(tuple(Choice(index, "") for index in range(self._count)))
            case Finished():
                return self._chunk((Choice(event.index, "", None, event.reason),))
            case Done():
                return self._end(event)
            case Failed():
                return error_body(event.message, error_type(event.error()), event.param, event.code)
        raise TypeError(f"a completion job's log holds no {type(event).__name__}")

    def _with_offsets(self, event: Token) -> bytes:
        shown = logprobs(event.logprobs, self._offsets[event.index])
        self._offsets[event.index] += sum(characters(token.piece) for token in event.logprobs)
        return self._chunk((Choice(event.index, event.text, shown),))

    def _end(self, done: Done) -> bytes | None:
        timings = timings_body(done, self._with_timings)
        if not self._include_usage and timings is UNSET:
            return None
        usage = usage_body(done.usage) if self._include_usage else UNSET
        return _encode(Completion(self._id, self._created, self._model, (), usage, timings))

    def _chunk(self, choices: tuple[Choice, ...]) -> bytes:
        return _encode(Completion(self._id, self._created, self._model, choices, self._no_usage))

    def _frame(self, index: int) -> tuple[bytes, bytes]:
        """What stands before and after the text of choice ``index``."""
        before, after = self._chunk((Choice(index, ""),)).split(b'"text":""')
        return before + b'"text":', after


class CompletionAnswer:
    """One whole answer, put together from the job's events."""

    def __init__(self, job: CompletionJob, timings: bool = False) -> None:
        self._job = job
        self._collected = Collected(choices_of(job))
        self._with_timings = timings

    def add(self, event: Event) -> None:
        """Take in the next event of the log; raises the error that a ``Failed`` carries."""
        self._collected.add(event)

    def body(self) -> bytes:
        """The ``text_completion``; only after ``Done``."""
        job, done = self._job, self._collected.done
        choices = tuple(
            Choice(
                index,
                "".join(texts),
                None if job.top_logprobs is None else logprobs(self._collected.logprobs[index]),
                self._collected.reasons[index],
            )
            for index, texts in enumerate(self._collected.texts)
        )
        return _encode(
            Completion(
                f"cmpl-{job.id}",
                int(job.created_at),
                job.model,
                choices,
                usage_body(done.usage),
                timings_body(done, self._with_timings),
            )
        )
