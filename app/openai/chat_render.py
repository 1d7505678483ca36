"""A chat job's events to OpenAI's JSON: the chunks of a stream, or one whole answer."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from app.openai.errors import error_body, error_type
from tasks.events import Done, Event, Failed, Finished, Started, Token, TokenLogprob, Usage
from tasks.jobs import ChatJob

IMPOSSIBLE = -9999.0
"""OpenAI's log probability of what cannot happen; JSON has no infinity."""

_encode = msgspec.json.Encoder().encode


class _Delta(msgspec.Struct, frozen=True):
    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET


class _Logprob(msgspec.Struct, frozen=True):
    token: str
    logprob: float
    bytes: list[int]


class _ContentLogprob(_Logprob, frozen=True):
    top_logprobs: list[_Logprob]


class _Logprobs(msgspec.Struct, frozen=True):
    content: list[_ContentLogprob]
    refusal: None = None


class _StreamChoice(msgspec.Struct, frozen=True):
    index: int
    delta: _Delta
    logprobs: _Logprobs | None = None
    finish_reason: str | None = None


class _PromptDetails(msgspec.Struct, frozen=True):
    cached_tokens: int


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    prompt_tokens_details: _PromptDetails


class _Chunk(msgspec.Struct, frozen=True, tag_field="object", tag="chat.completion.chunk"):
    id: str
    created: int
    model: str
    choices: tuple[_StreamChoice, ...]
    usage: _Usage | UnsetType | None = UNSET


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str
    refusal: None = None


class _Choice(msgspec.Struct, frozen=True):
    index: int
    message: _Message
    logprobs: _Logprobs | None
    finish_reason: str


class _Completion(msgspec.Struct, frozen=True, tag_field="object", tag="chat.completion"):
    id: str
    created: int
    model: str
    choices: list[_Choice]
    usage: _Usage


_NOTHING = _Delta()
_ASSISTANT = _Delta(role="assistant")


class ChatStream:
    """The chunks of one streamed answer: at most one for each event of the job's log."""

    def __init__(self, job: ChatJob, include_usage: bool) -> None:
        self._id = f"chatcmpl-{job.id}"
        self._created = int(job.created_at)
        self._model = job.model
        self._n = job.n
        self._with_logprobs = job.top_logprobs is not None
        self._include_usage = include_usage
        self._no_usage = None if include_usage else UNSET

    def chunk(self, event: Event) -> bytes | None:
        """The JSON of ``event``'s chunk, or None where the protocol has none."""
        match event:
            case Token():
                logprobs = _logprobs(event.logprobs) if self._with_logprobs else None
                delta = _Delta(content=event.text)
                return self._chunk((_StreamChoice(event.index, delta, logprobs),))
            case Started():
                return self._chunk(tuple(_StreamChoice(i, _ASSISTANT) for i in range(self._n)))
            case Finished():
                return self._chunk((_StreamChoice(event.index, _NOTHING, None, event.reason),))
            case Done():
                return self._chunk((), _usage(event.usage)) if self._include_usage else None
            case Failed():
                return error_body(event.message, error_type(event.error()), event.param, event.code)
        raise TypeError(f"a chat job's log holds no {type(event).__name__}")

    def _chunk(self, choices: tuple[_StreamChoice, ...], usage: _Usage | None = None) -> bytes:
        counted = usage or self._no_usage
        return _encode(_Chunk(self._id, self._created, self._model, choices, counted))


class ChatAnswer:
    """One whole answer, put together from the job's events."""

    def __init__(self, job: ChatJob) -> None:
        self._job = job
        self._texts: list[list[str]] = [[] for _ in range(job.n)]
        self._logprobs: list[list[TokenLogprob]] = [[] for _ in range(job.n)]
        self._reasons = ["stop"] * job.n
        self._usage: Usage | None = None

    def add(self, event: Event) -> None:
        """Take in the next event of the log; raises the error that a ``Failed`` carries."""
        match event:
            case Token():
                self._texts[event.index].append(event.text)
                self._logprobs[event.index].extend(event.logprobs)
            case Finished():
                self._reasons[event.index] = event.reason
            case Done():
                self._usage = event.usage
            case Failed():
                raise event.error()

    def body(self) -> bytes:
        """The ``chat.completion``; only after ``Done``."""
        if self._usage is None:
            raise RuntimeError("the answer is not complete: its log has no Done yet")
        job = self._job
        choices = [
            _Choice(
                index,
                _Message("assistant", "".join(texts)),
                None if job.top_logprobs is None else _logprobs(self._logprobs[index]),
                self._reasons[index],
            )
            for index, texts in enumerate(self._texts)
        ]
        return _encode(
            _Completion(
                f"chatcmpl-{job.id}", int(job.created_at), job.model, choices, _usage(self._usage)
            )
        )


def _usage(usage: Usage) -> _Usage:
    return _Usage(
        usage.prompt_tokens,
        usage.completion_tokens,
        usage.prompt_tokens + usage.completion_tokens,
        _PromptDetails(usage.cached_tokens),
    )


def _logprobs(tokens: Iterable[TokenLogprob]) -> _Logprobs:
    return _Logprobs(
        [
            _ContentLogprob(
                *_shown(token.piece, token.logprob),
                [_Logprob(*_shown(piece, logprob)) for piece, logprob in token.top],
            )
            for token in tokens
        ]
    )


def _shown(piece: bytes, logprob: float) -> tuple[str, float, list[int]]:
    """A token as text (which half a character is not), its log probability, and its bytes.

    Rounding can leave a certain token a hair above 0, and a banned one is minus infinity.
    """
    bounded = min(logprob, 0.0) if logprob > IMPOSSIBLE else IMPOSSIBLE
    return piece.decode("utf-8", "replace"), bounded, list(piece)
