"""The shapes of a chat's answer in JSON, and the parts that chunks and whole answers share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import msgspec
from msgspec import UNSET, UnsetType

from app.openai.counts import TimingsBody, UsageBody
from app.openai.logprobs import bounded
from tasks.events import CallDelta, TokenLogprob


class Function(msgspec.Struct, frozen=True):
    """The function of a call: its name comes with the call's first piece."""

    name: str | UnsetType
    arguments: str


class Call(msgspec.Struct, frozen=True):
    """A whole call."""

    id: str
    function: Function
    type: str = "function"


class CallPiece(msgspec.Struct, frozen=True):
    """A piece of a call; only the first has an id, a type and a name."""

    index: int
    id: str | UnsetType
    type: str | UnsetType
    function: Function


class Delta(msgspec.Struct, frozen=True):
    """What a chunk adds to a choice."""

    role: str | UnsetType = UNSET
    content: str | UnsetType = UNSET
    tool_calls: tuple[CallPiece, ...] | UnsetType = UNSET


class Logprob(msgspec.Struct, frozen=True):
    """A token as text (which half a character is not), its log probability, and its bytes."""

    token: str
    logprob: float
    bytes: list[int]


class ContentLogprob(Logprob, frozen=True):
    """The chosen token, with the likeliest ones at its place."""

    top_logprobs: list[Logprob]


class Logprobs(msgspec.Struct, frozen=True):
    """The tokens of a chunk, or of a whole choice."""

    content: list[ContentLogprob]
    refusal: None = None


class StreamChoice(msgspec.Struct, frozen=True):
    """A choice in a chunk."""

    index: int
    delta: Delta
    logprobs: Logprobs | None = None
    finish_reason: str | None = None


class Chunk(msgspec.Struct, frozen=True, tag_field="object", tag="chat.completion.chunk"):
    """A chunk of a stream."""

    id: str
    created: int
    model: str
    choices: tuple[StreamChoice, ...]
    usage: UsageBody | UnsetType | None = UNSET
    timings: TimingsBody | UnsetType = UNSET


class AssistantMessage(msgspec.Struct, frozen=True):
    """A whole message; its content is null when it consists of calls alone."""

    role: str
    content: str | None
    refusal: None = None
    tool_calls: tuple[Call, ...] | UnsetType = UNSET


class Choice(msgspec.Struct, frozen=True):
    """A whole choice."""

    index: int
    message: AssistantMessage
    logprobs: Logprobs | None
    finish_reason: str


class Completion(msgspec.Struct, frozen=True, tag_field="object", tag="chat.completion"):
    """A whole answer."""

    id: str
    created: int
    model: str
    choices: list[Choice]
    usage: UsageBody
    timings: TimingsBody | UnsetType = UNSET


def call_id(job_id: str, choice: int, call: int) -> str:
    """The id of a call: the same whoever renders it, and whenever."""
    digest = hashlib.blake2b(f"{job_id}/{choice}/{call}".encode(), digest_size=12)
    return f"call_{digest.hexdigest()}"


def call_piece(job_id: str, choice: int, delta: CallDelta) -> CallPiece:
    """A piece of a call as OpenAI streams it."""
    if delta.name is None:
        return CallPiece(delta.index, UNSET, UNSET, Function(UNSET, delta.arguments))
    named = Function(delta.name, delta.arguments)
    return CallPiece(delta.index, call_id(job_id, choice, delta.index), "function", named)


def logprobs(tokens: Iterable[TokenLogprob]) -> Logprobs:
    """The log probabilities of some tokens."""
    return Logprobs(
        [
            ContentLogprob(
                *_shown(token.piece, token.logprob),
                [Logprob(*_shown(piece, logprob)) for piece, logprob in token.top],
            )
            for token in tokens
        ]
    )


def _shown(piece: bytes, logprob: float | None) -> tuple[str, float, list[int]]:
    # None is for the first token of an echoed prompt; a chat echoes none.
    assert logprob is not None
    return piece.decode("utf-8", "replace"), bounded(logprob), list(piece)
