"""A chat job's events to OpenAI's JSON: the chunks of a stream, or one whole answer."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from app.openai.chat_shapes import (
    AssistantMessage,
    Call,
    Choice,
    Chunk,
    Completion,
    Delta,
    Function,
    StreamChoice,
    call_id,
    call_piece,
    logprobs,
)
from app.openai.collected import Collected
from app.openai.counts import timings_body, usage_body
from app.openai.errors import error_body, error_type
from tasks.events import CallDelta, Done, Event, Failed, Finished, Started, Token
from tasks.jobs import ChatJob

_encode = msgspec.json.Encoder().encode

_NOTHING = Delta()
_ASSISTANT = Delta(role="assistant")


class ChatStream:
    """The chunks of one streamed answer: at most one for each event of the job's log.

    Nearly all of them are a piece of text and nothing else. What stands around the text is the
    same for every chunk of a choice and is encoded once.
    """

    def __init__(self, job: ChatJob, include_usage: bool, timings: bool = False) -> None:
        self._job_id = job.id
        self._id = f"chatcmpl-{job.id}"
        self._created = int(job.created_at)
        self._model = job.model
        self._n = job.n
        self._with_logprobs = job.top_logprobs is not None
        self._include_usage = include_usage
        self._with_timings = timings
        self._no_usage = None if include_usage else UNSET
        self._frames = [self._frame(index) for index in range(job.n)]

    def chunk(self, event: Event) -> bytes | None:
        """The JSON of ``event``'s chunk, or None where the protocol has none."""
        match event:
            case Token():
                if self._with_logprobs or event.calls:
                    return self._token(event)
                before, after = self._frames[event.index]
                return before + _encode(event.text) + after
            case Started():
                return self._chunk(tuple(StreamChoice(i, _ASSISTANT) for i in range(self._n)))
            case Finished():
                return self._chunk((StreamChoice(event.index, _NOTHING, None, event.reason),))
            case Done():
                return self._end(event)
            case Failed():
                return error_body(event.message, error_type(event.error()), event.param, event.code)
        raise TypeError(f"a chat job's log holds no {type(event).__name__}")

    def _token(self, event: Token) -> bytes:
        """Text, calls or both: calls alone leave no content, and nothing at all an empty one."""
        pieces = tuple(call_piece(self._job_id, event.index, delta) for delta in event.calls)
        content = UNSET if pieces and not event.text else event.text
        delta = Delta(content=content, tool_calls=pieces or UNSET)
        shown = logprobs(event.logprobs) if self._with_logprobs else None
        return self._chunk((StreamChoice(event.index, delta, shown),))

    def _end(self, done: Done) -> bytes | None:
        timings = timings_body(done, self._with_timings)
        if not self._include_usage and timings is UNSET:
            return None
        usage = usage_body(done.usage) if self._include_usage else UNSET
        return _encode(Chunk(self._id, self._created, self._model, (), usage, timings))

    def _chunk(self, choices: tuple[StreamChoice, ...]) -> bytes:
        return _encode(Chunk(self._id, self._created, self._model, choices, self._no_usage))

    def _frame(self, index: int) -> tuple[bytes, bytes]:
        """What stands before and after the text of choice ``index``."""
        # The model's name comes before the text and cannot hold this: it would be escaped there.
        before, after = self._chunk((StreamChoice(index, Delta(content="")),)).split(
            b'"content":""'
        )
        return before + b'"content":', after


class ChatAnswer:
    """One whole answer, put together from the job's events."""

    def __init__(self, job: ChatJob, timings: bool = False) -> None:
        self._job = job
        self._calls: list[dict[int, _CallParts]] = [{} for _ in range(job.n)]
        self._collected = Collected(job.n)
        self._with_timings = timings

    def add(self, event: Event) -> None:
        """Take in the next event of the log; raises the error that a ``Failed`` carries."""
        self._collected.add(event)
        if isinstance(event, Token):
            for delta in event.calls:
                self._calls[event.index].setdefault(delta.index, _CallParts()).add(delta)

    def body(self) -> bytes:
        """The ``chat.completion``; only after ``Done``."""
        job, done = self._job, self._collected.done
        return _encode(
            Completion(
                f"chatcmpl-{job.id}",
                int(job.created_at),
                job.model,
                [self._choice(index) for index in range(job.n)],
                usage_body(done.usage),
                timings_body(done, self._with_timings),
            )
        )

    def _choice(self, index: int) -> Choice:
        text = "".join(self._collected.texts[index])
        calls = tuple(
            Call(call_id(self._job.id, index, number), parts.function())
            for number, parts in sorted(self._calls[index].items())
        )
        content = None if calls and not text else text
        return Choice(
            index,
            AssistantMessage("assistant", content, tool_calls=calls or UNSET),
            None if self._job.top_logprobs is None else logprobs(self._collected.logprobs[index]),
            self._collected.reasons[index],
        )


class _CallParts:
    """The pieces of one call."""

    def __init__(self) -> None:
        self._name = ""
        self._arguments: list[str] = []

    def add(self, delta: CallDelta) -> None:
        self._name = delta.name or self._name
        self._arguments.append(delta.arguments)

    def function(self) -> Function:
        return Function(self._name, "".join(self._arguments))
