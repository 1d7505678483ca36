"""What crosses the connection: three kinds of message in, five kinds out. Pure.

A request is the body of a chat completion with an ``id`` of its client's choosing, which every
message about it bears. A message out says exactly one of: which ``job`` answers, its ``position``
in the queue, a ``chunk``, that it is ``done``, or an ``error``. The last two are the end.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Raw

from app.openai.body import decode
from app.openai.errors import BadRequest, Unsupported

Id = Annotated[str, Meta(min_length=1, max_length=64)]
HeaderValue = Annotated[str, Meta(max_length=1_000)]
Headers = Annotated[dict[str, HeaderValue], Meta(max_length=16)]

# Taken off a request before it is read as a body.
_ENVELOPE = ("type", "id", "headers")
_TYPES = ("create", "cancel", "resume")


class _Envelope(msgspec.Struct, frozen=True):
    id: Id
    type: str | None = None
    headers: Headers | None = None


class _Resume(msgspec.Struct, frozen=True):
    job: Annotated[str, Meta(min_length=1, max_length=64)]
    starting_after: Annotated[int, Meta(ge=0)] = 0


class Create(msgspec.Struct, frozen=True):
    """Answer the chat completion that ``body`` asks for; ``headers`` are as with HTTP."""

    id: str
    body: bytes
    headers: dict[str, str]


class Cancel(msgspec.Struct, frozen=True):
    """Stop answering ``id``; nothing happens when its answer has ended."""

    id: str


class Resume(msgspec.Struct, frozen=True):
    """Go on with what ``job`` has said after its event number ``after``."""

    id: str
    job: str
    after: int


Message = Create | Cancel | Resume


def read(message: bytes) -> Message:
    """What a client's message says; ``BadRequest`` when it says nothing that is understood."""
    envelope = decode(message, _Envelope)
    match envelope.type:
        case None | "create":
            return Create(envelope.id, _body(message), envelope.headers or {})
        case "cancel":
            return Cancel(envelope.id)
        case "resume":
            asked = decode(message, _Resume)
            return Resume(envelope.id, asked.job, asked.starting_after)
    raise BadRequest(
        f"'type' must be one of {', '.join(_TYPES)}; without it the message is a request.",
        param="type",
    )


def id_of(message: bytes) -> str | None:
    """The id of a message that ``read`` refused, as far as it has one."""
    try:
        return decode(message, _Envelope).id
    except BadRequest:
        return None


def _body(message: bytes) -> bytes:
    """The request without its envelope; its other fields stay the bytes that they were."""
    fields = msgspec.json.decode(message, type=dict[str, Raw])
    if bytes(fields.get("stream", b"true")) == b"false":
        raise Unsupported(
            "'stream' cannot be false here: leave it out, for an answer comes in chunks. "
            "POST /v1/chat/completions answers whole.",
            param="stream",
        )
    for name in _ENVELOPE:
        fields.pop(name, None)
    fields["stream"] = Raw(b"true")
    return msgspec.json.encode(fields)


class Frames:
    """The messages about one request; what is the same in all of them is written once."""

    def __init__(self, id: str | None) -> None:
        self._head = b'{"id":' + msgspec.json.encode(id)

    def job(self, job_id: str | None, headers: dict[str, str]) -> bytes:
        """The first: the job under which the answer can be resumed; None when it was kept."""
        return self._with(job=job_id, headers=headers)

    def position(self, place: int) -> bytes:
        """Where in its line the job waits."""
        return self._with(position=place)

    def chunk(self, seq: int | None, chunk: bytes) -> bytes:
        """A chunk as the event stream has it; ``seq`` is None where no job has numbers."""
        if seq is None:
            return b'%b,"chunk":%b}' % (self._head, chunk)
        return b'%b,"seq":%d,"chunk":%b}' % (self._head, seq, chunk)

    def done(self) -> bytes:
        """The end of an answer that is complete."""
        return self._head + b',"done":true}'

    def error(self, body: bytes, status: int | None = None, after_ms: int | None = None) -> bytes:
        """The end of one that is not: ``body`` is the error as HTTP has it, ``{"error": ...}``."""
        said = self._head
        if status is not None:
            said += b',"status":%d' % status
        if after_ms is not None:
            said += b',"retry_after_ms":%d' % after_ms
        return said + b"," + body[1:]

    def _with(self, **fields: object) -> bytes:
        return self._head + b"," + msgspec.json.encode(fields)[1:]
