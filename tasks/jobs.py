"""Jobs: what a client asked for, frozen, as it crosses the queue.

A job is written once, by the side that accepted it, and read by any later release: fields are
only ever added, with defaults, and ``VERSION`` rises when an old reader would misread one.
"""

from __future__ import annotations

import os
import time
from enum import IntEnum
from typing import Literal

import msgspec

from tasks.errors import UnsupportedVersion

VERSION = 3
"""2: forms, tools and completions, which a reader of format 1 would have left out of account.
3: images. A job is written in the oldest format that its readers understand (``version_of``)."""


class Priority(IntEnum):
    """Who waits for whom; a lower one is aged by the ledger, so that none starves."""

    INTERACTIVE = 0
    BACKGROUND = 1
    BATCH = 2


class ToolCall(msgspec.Struct, frozen=True, omit_defaults=True):
    """A call that the model made in an earlier turn; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


class Image(msgspec.Struct, frozen=True):
    """A picture in a message: a whole PNG, JPEG, WebP or GIF file that was decoded once already.

    It stands before the character ``at`` of the message's text.
    """

    at: int
    data: bytes


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn of a conversation, its text parts already joined; ``images`` are in their order.

    An assistant's turn may hold ``tool_calls``; a turn of role ``tool`` answers the call that
    ``tool_call_id`` names.
    """

    role: str
    content: str
    name: str | None = None
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    images: tuple[Image, ...] = ()


class Tool(msgspec.Struct, frozen=True, omit_defaults=True):
    """A function that the model may call; ``parameters`` is a JSON Schema as text."""

    name: str
    description: str = ""
    parameters: str = '{"type":"object"}'


class Form(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an answer must look like, whatever the model would rather say.

    ``source`` is a JSON Schema (``schema``) or a grammar in GBNF (``gbnf``) as text; ``json`` is
    any JSON object.
    """

    kind: Literal["json", "schema", "gbnf"]
    source: str = ""


ToolChoice = Literal["none", "auto", "required"]


class Sampling(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the next token is drawn; defaults are OpenAI's. ``temperature`` 0 is greedy."""

    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    min_p: float = 0.0
    seed: int | None = None
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    repeat_penalty: float = 1.0
    logit_bias: dict[int, float] = {}


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """How the answer is written, by whichever API process comes to write it."""

    include_usage: bool = False
    timings: bool = False
    base64: bool = False


class ResponseAsked(msgspec.Struct, frozen=True, omit_defaults=True):
    """That an answer is written as a response (``/v1/responses``), and what it says again.

    The rest of what it says again is the job's own. With ``instructed`` the first message is the
    request's instructions; ``form_name`` and ``form_description`` are those of the job's schema.
    """

    background: bool = False
    instructed: bool = False
    form_name: str = ""
    form_description: str = ""


class ChatJob(msgspec.Struct, frozen=True, omit_defaults=True, tag="chat", kw_only=True):
    """An answer to a conversation: ``n`` choices of at most ``max_tokens`` tokens each.

    ``top_logprobs`` is None for no logprobs, 0 for those of the chosen tokens only.
    ``created_at`` and ``deadline_at`` are in seconds since the epoch. ``tool_name`` is the one
    tool that must be called, with ``tool_choice`` required. ``traceparent`` is the span that the
    job belongs to, as W3C's Trace Context writes it. ``response`` is for whoever writes the answer:
    a worker computes the same with and without it.
    """

    id: str
    model: str
    messages: tuple[Message, ...]
    owner: str = "local"
    priority: Priority = Priority.INTERACTIVE
    created_at: float = 0.0
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    top_logprobs: int | None = None
    ignore_eos: bool = False
    cache_prompt: bool = True
    metadata: dict[str, str] = {}
    form: Form | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = "auto"
    tool_name: str | None = None
    parallel_tool_calls: bool = True
    deadline_at: float | None = None
    shown: Shown = Shown()
    traceparent: str = ""
    response: ResponseAsked | None = None


class CompletionJob(msgspec.Struct, frozen=True, omit_defaults=True, tag="complete", kw_only=True):
    """Continuations of prompts that no template touches: of texts, or of lists of token ids.

    Exactly one of ``texts`` and ``tokens`` is filled. Every prompt gets ``n`` choices; choice
    ``c`` of prompt ``p`` has the index ``p * n + c``. With ``echo`` the prompt's text comes first
    (with its log probabilities, when those are asked for). ``max_tokens`` may be 0 with ``echo``.
    """

    id: str
    model: str
    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[int, ...], ...] = ()
    owner: str = "local"
    priority: Priority = Priority.INTERACTIVE
    created_at: float = 0.0
    sampling: Sampling = Sampling()
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    n: int = 1
    top_logprobs: int | None = None
    echo: bool = False
    ignore_eos: bool = False
    cache_prompt: bool = True
    metadata: dict[str, str] = {}
    form: Form | None = None
    deadline_at: float | None = None
    shown: Shown = Shown()
    traceparent: str = ""


class EmbedJob(msgspec.Struct, frozen=True, omit_defaults=True, tag="embed", kw_only=True):
    """Vectors for texts, or for token ids: exactly one of ``texts`` and ``tokens`` is filled."""

    id: str
    model: str
    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[int, ...], ...] = ()
    owner: str = "local"
    priority: Priority = Priority.INTERACTIVE
    created_at: float = 0.0
    dimensions: int | None = None
    metadata: dict[str, str] = {}
    deadline_at: float | None = None
    shown: Shown = Shown()
    traceparent: str = ""


Job = ChatJob | CompletionJob | EmbedJob

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Job] = msgspec.msgpack.Decoder(ChatJob | CompletionJob | EmbedJob)


def version_of(job: Job) -> int:
    """The format that ``job`` is written in: what an older reader understands, it may read."""
    if isinstance(job, ChatJob) and any(message.images for message in job.messages):
        return 3
    return 2


def encode(job: Job) -> bytes:
    """The job as the ledger stores it."""
    return _encoder.encode(job)


def decode(body: bytes, version: int = VERSION) -> Job:
    """The job that ``encode`` wrote; ``UnsupportedVersion`` for a newer or a damaged record."""
    if version > VERSION:
        raise UnsupportedVersion(
            f"The job was written in format {version}; this release reads up to {VERSION}."
        )
    try:
        return _decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise UnsupportedVersion(f"The job's record cannot be read: {error}") from error


def new_id() -> str:
    """A job id: 12 hex digits of milliseconds, then 20 random ones, so that ids sort by age."""
    return f"{time.time_ns() // 1_000_000:012x}{os.urandom(10).hex()}"


def again(job: Job, now_s: float) -> Job:
    """The same work as a job of its own, without the old one's deadline."""
    return msgspec.structs.replace(job, id=new_id(), created_at=now_s, deadline_at=None)
