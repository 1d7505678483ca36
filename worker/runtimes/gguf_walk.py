"""The GGUF format as a walk over a mapped file, with a bound on everything that is counted.

A length is compared with what is left of the file before it is stepped over; nothing that the
file asks for is allocated, and arrays are stepped over unread.
"""

from __future__ import annotations

import mmap
import struct

_MAX_KEYS = 65_536
_MAX_TENSORS = 65_536
_MAX_ITEMS = 1 << 22
"""Strings in all arrays together; the largest vocabularies with their merges have a fifth of it."""
_MAX_KEY_BYTES = 1024
_MAX_NAME_BYTES = 63
_MAX_KEPT_BYTES = 4096
"""Longer values (chat templates, licences) are stepped over: none of them is reported."""
_MAX_DIMS = 4
_MAX_BYTES = 1 << 62

_U32 = struct.Struct("<I")
_I32 = struct.Struct("<i")
_U64 = struct.Struct("<Q")

_STRING, _ARRAY = 8, 9
_SCALARS = {
    0: struct.Struct("<B"),
    1: struct.Struct("<b"),
    2: struct.Struct("<H"),
    3: struct.Struct("<h"),
    4: _U32,
    5: _I32,
    6: struct.Struct("<f"),
    7: struct.Struct("<b"),
    10: _U64,
    11: struct.Struct("<q"),
    12: struct.Struct("<d"),
}

TENSOR_TYPES = {
    0: (1, 4),
    1: (1, 2),
    2: (32, 18),
    3: (32, 20),
    6: (32, 22),
    7: (32, 24),
    8: (32, 34),
    9: (32, 36),
    10: (256, 84),
    11: (256, 110),
    12: (256, 144),
    13: (256, 176),
    14: (256, 210),
    15: (256, 292),
    16: (256, 66),
    17: (256, 74),
    18: (256, 98),
    19: (256, 50),
    20: (32, 18),
    21: (256, 110),
    22: (256, 82),
    23: (256, 136),
    24: (1, 1),
    25: (1, 2),
    26: (1, 4),
    27: (1, 8),
    28: (1, 8),
    29: (256, 56),
    30: (1, 2),
    34: (256, 54),
    35: (256, 66),
    39: (32, 17),
    40: (64, 36),
    41: (128, 18),
    42: (64, 18),
}
"""ggml type: (elements, bytes) of one block. A test compares it with the bundled library."""

Value = int | float | str | None


class Malformed(Exception):
    """Raised when the file contradicts itself or the format."""


class Walk:
    """A position in the mapped file that only ever moves forward, and never past its end."""

    def __init__(self, data: mmap.mmap) -> None:
        self._data = data
        self._size = len(data)
        self._at = 0
        self._items = 0

    def contents(self) -> tuple[dict[str, Value], int]:
        """The metadata that is short enough to keep, and the number of tensors.

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
        facts = self._metadata(keys)
        self._tensors(tensors, facts)
        return facts, tensors

    def _metadata(self, count: int) -> dict[str, Value]:
        facts: dict[str, Value] = {}
        for _ in range(count):
            key = self._text(_MAX_KEY_BYTES, "a metadata key")
            if not key or key in facts:
                raise Malformed(f"the metadata key {key!r} is empty or repeated")
            facts[key] = self._value(key)
        return facts

    def _value(self, key: str) -> Value:
        kind = self._number(_U32)
        if scalar := _SCALARS.get(kind):
            found: int | float = scalar.unpack_from(self._data, self._at)[0]
            self._at += scalar.size
            return found
        if kind == _STRING:
            return self._short_text(f"the value of {key!r}")
        if kind != _ARRAY:
            raise Malformed(f"{key!r} has the unknown type {kind}")
        element = self._number(_U32)
        length = self._number(_U64)
        if scalar := _SCALARS.get(element):
            self._skip(length * scalar.size, f"the array {key!r}")
        elif element == _STRING:
            self._skip_strings(length, key)
        else:
            raise Malformed(f"the array {key!r} has elements of the type {element}")
        return None

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

    def _tensors(self, count: int, facts: dict[str, Value]) -> None:
        alignment = facts.get("general.alignment", 32)
        if not isinstance(alignment, int) or not 0 < alignment < 1 << 32:
            raise Malformed(f"its alignment is {alignment!r}")
        if alignment & (alignment - 1):
            raise Malformed(f"its alignment {alignment} is no power of two")
        names: set[str] = set()
        total = end = 0
        for _ in range(count):
            name = self._text(_MAX_NAME_BYTES, "a tensor's name")
            if name in names:
                raise Malformed(f"the tensor {name!r} is there twice")
            names.add(name)
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
        shape = [self._number(_U64) for _ in range(dims)]
        kind = self._number(_U32)
        if kind not in TENSOR_TYPES:
            raise Malformed(f"the tensor {name!r} has the unknown type {kind}")
        block, block_bytes = TENSOR_TYPES[kind]
        elements = 1
        for extent in shape:
            elements *= extent
            if elements > _MAX_BYTES:
                raise Malformed(f"the tensor {name!r} has the shape {shape}")
        if (shape[0] if shape else 1) % block:
            raise Malformed(f"the tensor {name!r} has rows of {shape[:1]}, not of {block}s")
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
