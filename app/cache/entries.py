"""What is kept, as bytes: whole answers as the events of their job, vectors by their input. Pure.

Every value begins with the time of its creation (``tasks.cache_names``). What cannot be read, by
whatever accident, is as good as not there.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from tasks.cache_names import CREATION_BYTES, created_at_s, creation
from tasks.events import Done, Event

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[tuple[Event, ...]] = msgspec.msgpack.Decoder(tuple[Event, ...])

_TOKENS = struct.Struct("<I")
_VECTOR_AT = CREATION_BYTES + _TOKENS.size
_FLOAT_BYTES = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer, as few events as render to it, and when it was made."""

    created_at_s: float
    events: Sequence[Event]


@dataclass(frozen=True, slots=True)
class Vector:
    """One input's vector as little-endian float32, how many tokens the input has, and when."""

    created_at_s: float
    tokens: int
    data: bytes

    @property
    def dimensions(self) -> int:
        """How many numbers it has."""
        return len(self.data) // _FLOAT_BYTES


def write_answer(answer: Answer) -> bytes:
    """The value that ``read_answer`` reads."""
    return creation(answer.created_at_s) + _encode(answer.events)


def read_answer(value: bytes) -> Answer | None:
    """The answer, or None for bytes that are none."""
    made_s = created_at_s(value)
    if made_s is None:
        return None
    try:
        events = _decoder.decode(memoryview(value)[CREATION_BYTES:])
    except msgspec.MsgspecError:
        return None
    if not events or not isinstance(events[-1], Done):
        return None
    return Answer(made_s, events)


def write_vector(vector: Vector) -> bytes:
    """The value that ``read_vector`` reads."""
    return creation(vector.created_at_s) + _TOKENS.pack(vector.tokens) + vector.data


def read_vector(value: bytes) -> Vector | None:
    """The vector, or None for bytes that are none."""
    made_s = created_at_s(value)
    numbers = len(value) - _VECTOR_AT
    if made_s is None or numbers <= 0 or numbers % _FLOAT_BYTES:
        return None
    [tokens] = _TOKENS.unpack_from(value, CREATION_BYTES)
    return Vector(made_s, tokens, value[_VECTOR_AT:])
