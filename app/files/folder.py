"""The store in a folder: the default."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from app.files.aside import aside
from app.files.errors import StoreUnavailable, UnknownFile
from app.files.faults import translated
from app.files.guarded import to_read, to_write
from app.files.staging import STALE_S, Staging
from app.files.store import checked

# Files in the making lie in the same file system as those that they become, so that a rename is
# all that is between nothing and the whole file.
_STAGING = ".staging"
# How often a folder may vanish, its last blob deleted, while one is moved into it.
_TRIES = 20


class FolderStore:
    """Blobs are files below ``folder``. What is there survives a loss of power."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.staging = Staging(folder / _STAGING)

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """A file to write to, there as a whole when the block ends well."""
        target = self._path(name)
        with ExitStack() as opened:
            path = opened.enter_context(self.staging.place())
            with to_write(str(path)) as file:
                yield file
            with translated():
                aside(self._settle, path, target)

    @contextmanager
    def reader(self, name: str) -> Iterator[BinaryIO]:
        """A file to read from; ``UnknownFile`` when there is none."""
        try:
            file = to_read(str(self._path(name)))
        except UnknownFile:
            self._see_folder()
            raise
        with file:
            yield file

    def adopt(self, path: str, name: str) -> None:
        """Take a finished local file over: moved within a file system, else copied."""
        target = self._path(name)
        with translated():
            try:
                aside(self._settle, Path(path), target)
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._copy(Path(path), name)

    def size(self, name: str) -> int:
        """Bytes of a blob; ``UnknownFile`` when there is none."""
        path = self._path(name)
        with translated(reads=True):
            self._see_folder()
            found = path.stat()
            if not stat.S_ISREG(found.st_mode):
                raise FileNotFoundError
            return found.st_size

    def delete(self, name: str) -> None:
        """Delete a blob, and the folders that are empty without it."""
        with translated():
            aside(self._remove, self._path(name))

    def names(self, folder: str) -> Iterator[str]:
        """The names of all blobs below a folder."""
        with translated():
            found = aside(_files_below, self._path(folder))
        return (path.relative_to(self._folder).as_posix() for path in found)

    def tidy(self, stale_s: float = STALE_S) -> None:
        """Delete what killed processes left in the making."""
        with translated():
            aside(self.staging.tidy, stale_s)

    def _path(self, name: str) -> Path:
        return self._folder / checked(name)

    def _see_folder(self) -> None:
        """A folder that is away is no folder without the file: batches failed for good by that."""
        if not self._folder.is_dir():
            raise StoreUnavailable("The folder that files are stored in is not there.")

    def _settle(self, path: Path, target: Path) -> None:
        """Make a file durable, then its name, at which whatever was there is replaced."""
        _sync(path)
        for left in reversed(range(_TRIES)):
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                path.replace(target)
                break
            except FileNotFoundError:
                if not left or not path.exists():
                    raise
        _sync(target.parent)

    def _copy(self, path: Path, name: str) -> None:
        with path.open("rb") as source, self.writer(name) as file:
            shutil.copyfileobj(source, file)
        path.unlink()

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self._folder:
                break
            try:
                folder.rmdir()
            except OSError:
                break


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _files_below(folder: Path) -> list[Path]:
    return [Path(at, name) for at, _, names in os.walk(folder) for name in names]
