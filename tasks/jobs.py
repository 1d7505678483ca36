"""Jobs: what a client asked for, frozen, as it crosses the queue.

A job is written once, by the side that accepted it, and read by any later release: fields are
only ever added, with defaults, and ``VERSION`` rises when an old reader would misread one.
"""

from __future__ import annotations

import os
import time
from enum import IntEnum

import msgspec

from tasks.errors import UnsupportedVersion

VERSION = 1


class Priority(IntEnum):
    """Who waits for whom; a lower one is aged by the ledger, so that none starves."""

    INTERACTIVE = 0
    BACKGROUND = 1
    BATCH = 2


class Message(msgspec.Struct, frozen=True, omit_defaults=True):
    """One turn of a conversation, its text parts already joined."""

    role: str
    content: str
    name: str | None = None


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


class ChatJob(msgspec.Struct, frozen=True, omit_defaults=True, tag="chat", kw_only=True):
    """An answer to a conversation: ``n`` choices of at most ``max_tokens`` tokens each.

    ``top_logprobs`` is None for no logprobs, 0 for those of the chosen tokens only.
    ``created_at`` is in seconds since the epoch.
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


Job = ChatJob | EmbedJob

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[Job] = msgspec.msgpack.Decoder(ChatJob | EmbedJob)


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
