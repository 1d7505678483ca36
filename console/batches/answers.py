"""What a line of an output or error file says."""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np


class Fault(msgspec.Struct, frozen=True):
    """Why a row has no answer."""

    code: str
    message: str


class Outcome(NamedTuple):
    """The answer to one request: vectors as float32, little-endian, or a text; or why not.

    ``ran`` says that it was computed, or tried: what never ran failed for no fault of its own.
    """

    vectors: tuple[bytes, ...] = ()
    content: str | None = None
    finish_reason: str | None = None
    fault: Fault | None = None
    ran: bool = True


class _Vector(msgspec.Struct, frozen=True):
    index: int
    embedding: bytes | list[float]


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    finish_reason: str | None = None
    message: _Message | None = None
    text: str | None = None


class _Error(msgspec.Struct, frozen=True):
    message: str = ""
    code: str | None = None


class _Body(msgspec.Struct, frozen=True):
    data: list[_Vector] = []
    choices: list[_Choice] = []
    error: _Error | None = None


class _Response(msgspec.Struct, frozen=True):
    status_code: int
    body: _Body


class _Line(msgspec.Struct, frozen=True):
    response: _Response | None = None
    error: _Error | None = None


class _Named(msgspec.Struct, frozen=True):
    custom_id: str


_DECODER = msgspec.json.Decoder(_Line)
_NAMER = msgspec.json.Decoder(_Named)


def custom_id_of(raw: bytes) -> str:
    """Whose answer a line is; reads no more of it than that."""
    return _NAMER.decode(raw).custom_id


def outcome_of(raw: bytes) -> Outcome:
    """What a line says; a line that says nothing is a fault of its own."""
    try:
        line = _DECODER.decode(raw)
    except msgspec.DecodeError as error:
        return Outcome(fault=Fault("unreadable", f"The answer is not readable: {error}."))
    response = line.response
    if response is None:
        why = line.error or _Error("There is no answer.")
        return Outcome(fault=Fault(why.code or "no_answer", why.message), ran=False)
    body = response.body
    if body.error is not None or response.status_code != 200:
        why = body.error or _Error(f"It ended with status {response.status_code}.")
        return Outcome(fault=Fault(why.code or str(response.status_code), why.message))
    if not body.choices:
        ordered = sorted(body.data, key=lambda each: each.index)
        return Outcome(tuple(_packed(each.embedding) for each in ordered))
    choice = body.choices[0]
    content = choice.message.content if choice.message else choice.text
    return Outcome(content=content, finish_reason=choice.finish_reason)


def _packed(vector: bytes | list[float]) -> bytes:
    return vector if isinstance(vector, bytes) else np.asarray(vector, dtype="<f4").tobytes()
