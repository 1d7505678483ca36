"""Local files whose errors are ours, and whose waiting is done aside."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from app.files.aside import aside
from app.files.faults import translated

# What is read or written at once.
PIECE_BYTES = 256 * 1024


class _Guarded(io.FileIO):
    def readinto(self, buffer: Any) -> int | None:
        with translated():
            return aside(super().readinto, buffer)

    def readall(self) -> bytes:
        with translated():
            return aside(super().readall)

    def write(self, data: Any) -> int:
        with translated():
            return aside(super().write, data)


def to_read(path: str) -> BinaryIO:
    """The file, to be read a piece at a time."""
    with translated(reads=True):
        return io.BufferedReader(_Guarded(path, "rb"), PIECE_BYTES)


def to_write(path: str) -> BinaryIO:
    """A new file, to be written a piece at a time."""
    with translated():
        return io.BufferedWriter(_Guarded(path, "wb"), PIECE_BYTES)
