"""The store: bytes by name, in a folder or in whatever an URL names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol

from app.files.staging import STALE_S, Staging

# The first character is no dot: those names are the store's own.
_PART = "[A-Za-z0-9_][A-Za-z0-9._-]{0,127}"
_NAME = re.compile(f"{_PART}(/{_PART}){{0,7}}")


class Store(Protocol):
    """Blobs, written whole or not at all. Names are relative paths of our own making.

    Every method raises ``StoreUnavailable`` when the place does not answer, is full, or refuses,
    and so do the files that it gives; ``ValueError`` when a name is none of ours. Stores are safe
    to use from several threads, their files from one at a time.
    """

    @property
    def staging(self) -> Staging:
        """The folder on this machine for files to ``adopt``; moved, where that is possible."""

    def writer(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to write to. Its bytes are there, under ``name``, when the block ends well; an
        exception in it leaves what was there before."""

    def reader(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to read from, which can seek; ``UnknownFile`` when there is none."""

    def adopt(self, path: str, name: str) -> None:
        """Take a finished local file over as ``name``: moved where that is possible.

        After an error it may still lie at ``path``.
        """

    def size(self, name: str) -> int:
        """Bytes of a blob; ``UnknownFile`` when there is none."""

    def delete(self, name: str) -> None:
        """Delete a blob; one that is not there is deleted already."""

    def names(self, folder: str) -> Iterator[str]:
        """The names of all blobs below a folder, in no order; those of one that is not: none."""

    def tidy(self, stale_s: float = STALE_S) -> None:
        """Delete what processes that were killed while writing left behind, so long after."""


def checked(name: str) -> str:
    """A blob's or folder's name; ``ValueError`` for anything that is not of our making."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name of a blob")
    return name
