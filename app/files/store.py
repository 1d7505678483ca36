"""The store: bytes by name, in a folder or in whatever an URL names."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import BinaryIO, Protocol


class Store(Protocol):
    """Blobs, written whole or not at all. Names are relative paths of our own making.

    Every method raises ``StoreUnavailable`` when the place does not answer, is full, or refuses.
    """

    def writer(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to write to. Its bytes are there, under ``name``, when the block ends well; an
        exception in it leaves what was there before."""

    def reader(self, name: str) -> AbstractContextManager[BinaryIO]:
        """A file to read from, which can seek; ``UnknownFile`` when there is none."""

    def adopt(self, path: str, name: str) -> None:
        """Take a finished local file over as ``name``: moved where that is possible."""

    def size(self, name: str) -> int:
        """Bytes of a blob; ``UnknownFile`` when there is none."""

    def delete(self, name: str) -> None:
        """Delete a blob; one that is not there is deleted already."""

    def names(self, folder: str) -> Iterator[str]:
        """The names of the blobs in a folder."""
