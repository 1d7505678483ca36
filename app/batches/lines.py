"""The lines of an input file: where each one stands, and its bytes. Pure.

The file is read in order and never held: a line at a time is, which has a longest length. Line ends
are those of Unix or of DOS, the last one may be missing, and a byte order mark is skipped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

from app.batches.record import Line, LineError

CHUNK_BYTES = 256 * 1024

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
# Found at the speed of C: a file of nothing but line ends has 200 million of them.
_CONTENT = re.compile(rb"\S")


class BadLine(Exception):
    """Raised for a line that no job can be made of; ``custom_id`` is "" where it is not known."""

    def __init__(self, error: LineError, custom_id: str = "") -> None:
        super().__init__(error.message)
        self.error = error
        self.custom_id = custom_id


def lines_of(
    file: BinaryIO, *, start: int = 0, number: int = 1, most_bytes: int
) -> Iterator[tuple[Line, bytes]]:
    """The lines from byte ``start`` on, the first of which has the ``number``; without their ends.

    ``start`` is where a line begins, or anywhere in the one before, whose rest is skipped: the end
    of the last line that was read will do. Blank lines are counted and left out. A line longer than
    ``most_bytes`` raises ``BadLine``, and is the last.
    """
    # From the byte before: when that is a line's end, the skipped rest is empty.
    offset = max(start - 1, 0)
    skipping = start > 0
    file.seek(offset)
    rest = b""
    while True:
        # As much again as a long line has already: it is put together in few copies.
        chunk = file.read(max(CHUNK_BYTES, len(rest)))
        data = rest + chunk
        at, whole = 0, data.rfind(b"\n") + 1 if chunk else len(data)
        if skipping and whole:
            at = data.find(b"\n") + 1 or whole
            skipping = False
        while (content := _CONTENT.search(data, at, whole)) is not None:
            begin = data.rfind(b"\n", at, content.start()) + 1 or at
            number += data.count(b"\n", at, begin)
            end = data.find(b"\n", begin, whole)
            at = whole if end < 0 else end + 1
            place, raw = _without_marks(data[begin : at if end < 0 else end], offset + begin)
            if raw and not raw.isspace():
                _check_length(number, raw, most_bytes)
                yield Line(number, place, len(raw)), raw
            number += 1
        if not chunk:
            return
        number += data.count(b"\n", at, whole)
        offset, rest = offset + whole, data[whole:]
        if not skipping:
            # One byte may be half of the line's end, and three the mark.
            _check_length(number, rest[4:], most_bytes)


def _without_marks(piece: bytes, offset: int) -> tuple[int, bytes]:
    """Where the content of a line begins, and the content."""
    raw = piece.removesuffix(b"\r")
    if offset == 0 and raw.startswith(_BYTE_ORDER_MARK):
        return len(_BYTE_ORDER_MARK), raw.removeprefix(_BYTE_ORDER_MARK)
    return offset, raw


def _check_length(number: int, raw: bytes, most_bytes: int) -> None:
    if len(raw) > most_bytes:
        raise BadLine(
            LineError(
                "line_too_long",
                f"The line is longer than {most_bytes} bytes, the most that one request may have:"
                " send less in it, or in several lines.",
                number,
            )
        )
