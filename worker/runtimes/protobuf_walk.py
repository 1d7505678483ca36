"""The wire format of protocol buffers as a walk over mapped bytes, with a bound on its steps.

Numbers, and the places of what has a length, are all that it gives: nothing is copied. It is
stricter than the format in what no writer does: no groups, no field numbers beyond 29 bits.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass

VARINT, FIXED64, SPAN, FIXED32 = 0, 1, 2, 5
_MAX_FIELD = (1 << 29) - 1
_MAX_VARINT_BYTES = 10


class Malformed(Exception):
    """Raised when the bytes contradict the format, or there is more of them than is walked."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a message: the number in ``value``, or where its bytes begin and end."""

    number: int
    kind: int
    value: int
    start: int
    end: int


class Walk:
    """Reads messages of ``data``, and at most ``steps`` fields in all of them together."""

    def __init__(self, data: mmap.mmap | bytes, steps: int) -> None:
        self.data = data
        self._most = self._left = steps

    def fields(self, start: int, end: int) -> Iterator[Field]:
        """The fields of the message between two places, in the order of the file."""
        at = start
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise Malformed(f"it has more than {self._most} fields")
            tag, at = self._varint(at, end)
            number, kind = tag >> 3, tag & 7
            if not 0 < number <= _MAX_FIELD:
                raise Malformed(f"it has a field of the number {number}")
            value, begin, at = self._content(kind, at, end)
            yield Field(number, kind, value, begin, at)

    def text(self, field: Field, most: int) -> str:
        """The field's bytes as text; longer than ``most`` is malformed."""
        if field.end - field.start > most:
            raise Malformed(f"a name in it has {field.end - field.start} bytes")
        return self.data[field.start : field.end].decode("utf-8", "replace")

    def _content(self, kind: int, at: int, end: int) -> tuple[int, int, int]:
        """A number, where the field's bytes begin, and where the next field does."""
        if kind == VARINT:
            value, after = self._varint(at, end)
            return value, at, after
        if kind == SPAN:
            length, at = self._varint(at, end)
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
        else:
            raise Malformed(f"it has a field of the wire type {kind}")
        if length > end - at:
            raise Malformed("a field in it goes past the end of what holds it")
        return 0, at, at + length

    def _varint(self, at: int, end: int) -> tuple[int, int]:
        value = 0
        for shift in range(0, 7 * _MAX_VARINT_BYTES, 7):
            if at >= end:
                raise Malformed("it ends inside a number")
            byte = self.data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value, at
        raise Malformed(f"a number in it has more than {_MAX_VARINT_BYTES} bytes")
