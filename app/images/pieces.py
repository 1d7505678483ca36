"""Of how many pieces a file is made: segments, chunks, blocks, and passes over the pixels.

Pillow reads pieces one by one, in Python. A file of 8 MiB has room for millions that are empty,
which took ten seconds; notes (EXIF in a JPEG, comments in a GIF) are added to those before, all of
which is copied each time: sixty thousand took 52 s. A progressive JPEG has about ten passes, each
over all pixels: room for a hundred thousand, which are minutes. All of this is told from the file's
structure, by a walk that ends early; what encoders make is far below the limits.
"""

from __future__ import annotations

from collections.abc import Iterator

MOST_SCANS = 128
MOST_NOTES = 512
"""A colour profile in a JPEG may be cut into 255."""

_SPARE = 1_000
_BYTES_EACH = 128
"""A GIF's pieces have at most 255 bytes, other formats' thousands."""

_SCAN = b"\xff\xda"
_NO_LENGTH = frozenset((0x00, 0x01, *range(0xD0, 0xDA)))
"""JPEG's markers that stand alone."""


def too_many_pieces(data: bytes, form: str) -> bool:
    """Whether ``data``, of the format ``form``, is cut up as no encoder does it."""
    walks = {"JPEG": _jpeg, "PNG": _png, "GIF": _gif}
    if form not in walks:  # WebP is read in C
        return False
    most = _SPARE + len(data) // _BYTES_EACH
    notes = 0
    for pieces, is_note in enumerate(walks[form](data), 1):
        notes += is_note
        if pieces > most or notes > MOST_NOTES:
            return True
    return False


def too_many_scans(data: bytes, form: str) -> bool:
    """Whether a JPEG goes over its pixels more often than any encoder does."""
    # Within the data of a scan, the byte 255 is followed by 0.
    return form == "JPEG" and data.count(_SCAN) > MOST_SCANS


def _jpeg(data: bytes) -> Iterator[bool]:
    """Segments up to the first scan, all of them notes, and bytes that belong to none."""
    at = 2
    while at + 3 < len(data):
        kind = data[at + 1]
        if data[at] != 0xFF or kind == 0xFF:
            at += 1
        elif kind == _SCAN[1]:
            return
        elif kind in _NO_LENGTH:
            at += 2
        else:
            at += 2 + max(2, int.from_bytes(data[at + 2 : at + 4]))
        yield True


def _png(data: bytes) -> Iterator[bool]:
    """All chunks: a note takes the place of the one before."""
    at = 8
    while at + 8 <= len(data):
        at += 12 + int.from_bytes(data[at : at + 4])
        yield False


def _gif(data: bytes) -> Iterator[bool]:
    """Blocks, which are notes as well as bytes that belong to none, and the blocks in them."""
    at = 13 + _table(data, 10)
    while at + 1 < len(data) and data[at] != 0x3B:
        kind = data[at]
        yield True
        if kind == 0x21:
            at += 2
        elif kind == 0x2C:
            at += 11 + _table(data, at + 9)
        else:
            at += 1
            continue
        while at < len(data) and data[at]:
            at += 1 + data[at]
            yield False
        at += 1


def _table(data: bytes, flags_at: int) -> int:
    """The bytes of the colour table that a GIF's flags speak of."""
    flags = data[flags_at] if flags_at < len(data) else 0
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
