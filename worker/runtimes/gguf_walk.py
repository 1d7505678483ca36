"""The GGUF format as a walk over a mapped file, with a bound on everything that is counted.

A length is compared with what is left of the file before it is stepped over; nothing that the
file asks for is allocated, and arrays are stepped over unread, but for short ones of whole
numbers: some models state their heads layer by layer.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass, field

from worker.runtimes.gguf_types import ARRAY, SCALARS, STRING, TENSOR_TYPES, UINT32, UINT64, WHOLE

_U32, _U64 = SCALARS[UINT32], SCALARS[UINT64]

_MAX_KEYS = 65_536
_MAX_TENSORS = 65_536
_MAX_ITEMS = 1 << 22
"""Strings in all arrays together; the largest vocabularies with their merges have a fifth of it."""
_MAX_KEY_BYTES = 1024
_MAX_NAME_BYTES = 63
_MAX_KEPT_BYTES = 4096
"""Longer values (chat templates, licences) are stepped over: none of them is reported."""
_MAX_KEPT_ITEMS = 1024
"""Whole numbers in an array that is kept: one for each layer."""
_MAX_DIMS = 4
_MAX_BYTES = 1 << 62

_ALIGNMENT = "general.alignment"

Value = int | float | str | tuple[int, ...] | None


class Malformed(Exception):
    """Raised when the file contradicts itself or the format."""


@dataclass(slots=True)
class Contents:
    """What a walk found: ``facts`` by key (None for what is not kept), and what is counted.

    ``arrays`` has the type of each array's elements and their number, ``shapes`` those of the
    tensors.
    """

    facts: dict[str, Value] = field(default_factory=dict)
    arrays: dict[str, tuple[int, int]] = field(default_factory=dict)
    shapes: dict[str, tuple[int, ...]] = field(default_factory=dict)


class Walk:
    """A position in the mapped file that only ever moves forward, and never past its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._size = len(data)
        self._at = 0
        self._items = 0
        self._found = Contents()

    def contents(self) -> Contents:
        """Everything in the file, each of its tensors inside it.

        Raises ``Malformed``, or ``struct.error`` where the file ends inside a number.
        """
        if self._data[:4] != b"GGUF":
            raise Malformed("it does not begin with 'GGUF'")
        self._at = 4
        version = self._number(_U32)
        if version not in (2, 3):
            raise Malformed(f"its version is {version}; versions 2 and 3 can be read")
        tensors = self._count(_MAX_TENSORS, "tensors")
        keys = self._count(_MAX_KEYS, "metadata keys")
        self._metadata(keys)
        self._tensors(tensors)
        return self._found

    def _metadata(self, count: int) -> None:
        for _ in range(count):
            key = self._text(_MAX_KEY_BYTES, "a metadata key")
            if not key or key in self._found.facts:
                raise Malformed(f"the metadata key {key!r} is empty or repeated")
            self._found.facts[key] = self._value(key)

    def _value(self, key: str) -> Value:
        kind = self._number(_U32)
        if key == _ALIGNMENT and kind != UINT32:
            raise Malformed(f"its alignment is a value of type {kind}")
        if scalar := SCALARS.get(kind):
            found: int | float = scalar.unpack_from(self._data, self._at)[0]
            self._at += scalar.size
            return found
        if kind == STRING:
            return self._short_text(f"the value of {key!r}")
        if kind != ARRAY:
            raise Malformed(f"{key!r} has the unknown type {kind}")
        return self._array(key)

    def _array(self, key: str) -> tuple[int, ...] | None:
        element = self._number(_U32)
        length = self._number(_U64)
        self._found.arrays[key] = element, length
        if element == STRING:
            self._skip_strings(length, key)
            return None
        if not (scalar := SCALARS.get(element)):
            raise Malformed(f"the array {key!r} has elements of the type {element}")
        start = self._at
        self._skip(length * scalar.size, f"the array {key!r}")
        if element not in WHOLE or length > _MAX_KEPT_ITEMS:
            return None
        return tuple(number for (number,) in scalar.iter_unpack(self._data[start : self._at]))

    def _skip_strings(self, length: int, key: str) -> None:
        self._items += length
        if self._items > _MAX_ITEMS or length * 8 > self._size - self._at:
            raise Malformed(f"the array {key!r} says that it has {length} strings")
        at, size, data, read = self._at, self._size, self._data, _U64.unpack_from
        for _ in range(length):
            at += 8 + read(data, at)[0]
            if at > size:
                raise Malformed(f"a string of the array {key!r} goes past the end of the file")
        self._at = at

    def _tensors(self, count: int) -> None:
        alignment = self._found.facts.get(_ALIGNMENT, 32)
        if not isinstance(alignment, int) or not 0 < alignment < 1 << 32:
            raise Malformed(f"its alignment is {alignment!r}")
        if alignment & (alignment - 1):
            raise Malformed(f"its alignment {alignment} is no power of two")
        total = end = 0
        for _ in range(count):
            name = self._text(_MAX_NAME_BYTES, "a tensor's name")
            if name in self._found.shapes:
                raise Malformed(f"the tensor {name!r} is there twice")
            size = self._tensor_bytes(name)
            if self._number(_U64) != total:
                raise Malformed(f"the tensor {name!r} does not lie where the one before ends")
            end = total + size
            total = -(-end // alignment) * alignment
        start = -(-self._at // alignment) * alignment
        if count and start + end > self._size:
            raise Malformed(
                f"its tensors need {start + end} bytes and it has {self._size}: "
                "the download is incomplete, fetch it again"
            )

    def _tensor_bytes(self, name: str) -> int:
        dims = self._number(_U32)
        if dims > _MAX_DIMS:
            raise Malformed(f"the tensor {name!r} has {dims} dimensions")
        shape = tuple(self._number(_U64) for _ in range(dims))
        self._found.shapes[name] = shape
        kind = self._number(_U32)
        if kind not in TENSOR_TYPES:
            raise Malformed(f"the tensor {name!r} has the unknown type {kind}")
        block, block_bytes = TENSOR_TYPES[kind]
        elements = 1
        for extent in shape:
            elements *= extent
            if not 0 < elements <= _MAX_BYTES:
                raise Malformed(f"the tensor {name!r} has the shape {list(shape)}")
        if (shape[0] if shape else 1) % block:
            raise Malformed(f"the tensor {name!r} has rows of {shape[0]}, not of {block}s")
        return elements // block * block_bytes

    def _number(self, form: struct.Struct) -> int:
        found: int = form.unpack_from(self._data, self._at)[0]
        self._at += form.size
        return found

    def _count(self, most: int, what: str) -> int:
        count = self._number(_U64)
        if count > most:
            raise Malformed(f"it says that it has {count} {what}; at most {most} are read")
        return count

    def _text(self, most: int, what: str) -> str:
        length = self._number(_U64)
        if length > most:
            raise Malformed(f"{what} says that it has {length} bytes; at most {most} are read")
        start = self._at
        self._skip(length, what)
        return self._data[start : self._at].decode("utf-8", "replace")

    def _short_text(self, what: str) -> str | None:
        start = self._at
        length = self._number(_U64)
        if length > _MAX_KEPT_BYTES:
            self._skip(length, what)
            return None
        self._at = start
        return self._text(_MAX_KEPT_BYTES, what)

    def _skip(self, length: int, what: str) -> None:
        if length > self._size - self._at:
            raise Malformed(f"{what} goes past the end of the file")
        self._at += length
