"""The source: a batch's input file, read where it is needed and never held."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import BinaryIO

import msgspec

from app.batches.lines import lines_of
from app.batches.record import Line, Order
from app.batches.requests import Request, request_of
from app.files.errors import UnknownFile
from app.files.store import Store
from app.images.reading import Images
from tasks.catalog import Catalog
from tasks.jobs import EmbedJob, Job, Priority


class InputLost(Exception):
    """Raised when the input's bytes are not in the store, which they should be."""


class _Named(msgspec.Struct):
    custom_id: str


_named = msgspec.json.Decoder(_Named)


class Source:
    """One file, opened when it is first read. Its owner closes it."""

    def __init__(self, store: Store, order: Order, images: Images) -> None:
        self._store = store
        self._order = order
        self._images = images
        self._opened = ExitStack()
        self._open_file: BinaryIO | None = None

    def lines(
        self, start: int = 0, number: int = 1, most_bytes: int = sys.maxsize
    ) -> Iterator[tuple[Line, bytes]]:
        """The lines from byte ``start`` on; nothing else may be read meanwhile."""
        return lines_of(self._file(), start=start, number=number, most_bytes=most_bytes)

    def request(self, line: Line, catalog: Catalog, job_id: str, created_at: float) -> Request:
        """What the line asks for; ``BadLine`` when today's catalog does not have it."""
        return self.parsed(line, self.raw(line), catalog, job_id, created_at)

    def parsed(
        self, line: Line, raw: bytes, catalog: Catalog, job_id: str = "", created_at: float = 0.0
    ) -> Request:
        """What a line that was read already asks for; ``BadLine``."""
        return request_of(
            raw,
            line,
            self._order,
            catalog,
            job_id=job_id,
            created_at=created_at,
            images=self._images,
        )

    def custom_id(self, line: Line) -> str:
        """What the client calls the line."""
        return _named.decode(self.raw(line)).custom_id

    def raw(self, line: Line) -> bytes:
        """The line as it was sent."""
        file = self._file()
        file.seek(line.offset)
        return file.read(line.length)

    def close(self) -> None:
        """Let the file go; it is opened again when it is read again."""
        self._open_file = None
        self._opened.close()

    def _file(self) -> BinaryIO:
        if self._open_file is None:
            try:
                reader = self._store.reader(self._order.input_blob)
                self._open_file = self._opened.enter_context(reader)
            except UnknownFile as error:
                raise InputLost(str(error)) from error
        return self._open_file


def job_of(job_id: str, requests: Sequence[Request]) -> Job:
    """The job that computes these requests, which are alike in all but their inputs."""
    first = requests[0].job
    if not isinstance(first, EmbedJob):
        return msgspec.structs.replace(first, id=job_id, priority=Priority.BATCH, deadline_at=None)
    jobs = [each.job for each in requests if isinstance(each.job, EmbedJob)]
    return EmbedJob(
        id=job_id,
        model=first.model,
        texts=tuple(text for job in jobs for text in job.texts),
        tokens=tuple(ids for job in jobs for ids in job.tokens),
        owner=first.owner,
        priority=Priority.BATCH,
        created_at=first.created_at,
        dimensions=first.dimensions,
    )
