"""The store behind an URL: S3, or what speaks its protocol, by fsspec's library for it.

fsspec knows many more, but most of them write in place. ``memory`` is one; it is for tests.

A blob is written to this machine first: it goes out in one piece, or in parts that its store puts
together at the end, so that half of one is never seen. Reading fetches ranges as they are asked
for; whole blobs are never in memory.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

import fsspec

from app.files.faults import translated
from app.files.guarded import to_write
from app.files.native_loop import native_loop
from app.files.staging import STALE_S, Staging
from app.files.store import checked

# Fetched at once: a request takes tens of milliseconds however little it asks for.
RANGE_BYTES = 2 * 1024 * 1024

# Parts in which a large blob is sent, and how many at once; left to itself s3fs holds ten of 50 MB.
_PART_BYTES = 8 * 1024 * 1024
_PARTS_AT_ONCE = 3

# A store that says nothing keeps a request waiting for a minute, with all tries of both libraries;
# the one outside is there for answers that break off.
_TRIES = 2
_S3_OPTIONS = {
    "config_kwargs": {
        "connect_timeout": 5,
        "read_timeout": 15,
        "retries": {"mode": "standard", "total_max_attempts": 2},
    },
    "use_listings_cache": False,
    "max_concurrency": _PARTS_AT_ONCE,
}


class RemoteStore:
    """Blobs below the folder that ``url`` names; ``ImportError`` when its library is missing."""

    def __init__(self, url: str, staging: Path) -> None:
        self.staging = Staging(staging)
        self._is_s3 = url.startswith("s3://")
        self._kind = fsspec.get_filesystem_class(url.split("://", 1)[0])
        self._root = str(self._kind._strip_protocol(url)).rstrip("/")
        self._lock = threading.Lock()
        self._made: Any = None

    @contextmanager
    def writer(self, name: str) -> Iterator[BinaryIO]:
        """A file to write to, sent when the block ends well."""
        target = self._path(name)
        with ExitStack() as opened:
            path = opened.enter_context(self.staging.place())
            with to_write(str(path)) as file:
                yield file
            self._send(path, target)

    @contextmanager
    def reader(self, name: str) -> Iterator[BinaryIO]:
        """A file to read from; ``UnknownFile`` when there is none."""
        ranges = _Ranges(self._system, self._path(name), self.size(name))
        with io.BufferedReader(ranges, RANGE_BYTES) as file:
            yield file

    def adopt(self, path: str, name: str) -> None:
        """Send a finished local file, and delete it here."""
        self._send(Path(path), self._path(name))
        with translated():
            Path(path).unlink()

    def size(self, name: str) -> int:
        """Bytes of a blob; ``UnknownFile`` when there is none."""
        path = self._path(name)
        with translated(Exception, reads=True):
            found = self._system.info(path)
            if found["type"] != "file":
                raise FileNotFoundError
            return int(found["size"])

    def delete(self, name: str) -> None:
        """Delete a blob; one that is not there is deleted already."""
        path = self._path(name)
        with translated(Exception), suppress(FileNotFoundError):
            self._system.rm_file(path)

    def names(self, folder: str) -> Iterator[str]:
        """The names of all blobs below a folder."""
        below, found = self._path(folder), []
        with translated(Exception), suppress(FileNotFoundError):
            found = self._system.find(below)
        return (path.removeprefix(f"{self._root}/") for path in found)

    def tidy(self, stale_s: float = STALE_S) -> None:
        """Delete what killed processes left: here, and parts of blobs that were never whole."""
        with translated():
            self.staging.tidy(stale_s)
        if self._is_s3:
            with translated(Exception):
                self._abort_uploads(datetime.now(UTC) - timedelta(seconds=stale_s))

    @property
    def _system(self) -> Any:
        # Not before it is needed: the loop's thread belongs to the process that uses it.
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made

    def _make(self) -> Any:
        if not self._is_s3:
            return self._kind()
        with translated(Exception):
            system = self._kind(**_S3_OPTIONS, loop=native_loop(), skip_instance_cache=True)
        system.retries = _TRIES
        return system

    def _path(self, name: str) -> str:
        return f"{self._root}/{checked(name)}"

    def _send(self, path: Path, target: str) -> None:
        with translated(Exception):
            if self._is_s3:
                self._system.put_file(str(path), target, chunksize=_PART_BYTES)
            else:
                self._system.put_file(str(path), target)

    def _abort_uploads(self, before: datetime) -> None:
        bucket, folder, _ = self._system.split_path(self._root)
        within = {"Bucket": bucket, "Prefix": f"{folder}/" if folder else ""}
        for upload in self._system.call_s3("list_multipart_uploads", **within).get("Uploads", ()):
            if upload["Initiated"] < before:
                named = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
                self._system.call_s3("abort_multipart_upload", Bucket=bucket, **named)


class _Ranges(io.RawIOBase):
    """A blob, fetched as it is read."""

    def __init__(self, system: Any, path: str, size: int) -> None:
        self._system = system
        self._path = path
        self._size = size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        with translated(Exception, reads=True):
            data = self._system.cat_file(self._path, start=self._at, end=end)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def readall(self) -> bytes:
        # Otherwise 8 KB at a time, each of them a request.
        return b"".join(iter(lambda: self.read(RANGE_BYTES) or b"", b""))

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at

    def tell(self) -> int:
        return self._at
