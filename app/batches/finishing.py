"""Finishing: the pieces of a batch's results become its files.

Done again after a crash it does the same: names and ids follow from the batch's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from app.batches.record import BatchRecord
from app.files.record import FileRecord
from app.files.register import Register
from app.files.store import Store

CHUNK_BYTES = 1024 * 1024

Results = Literal["output", "errors"]

# What the client's copy is called, and the last digit of its id.
_CALLED: dict[Results, tuple[str, int]] = {"output": ("output", 0), "errors": ("error", 1)}


def folder_of(batch_id: str) -> str:
    """Where everything lies that a batch stores."""
    return f"batches/{batch_id}"


def blob_of(batch_id: str, results: Results) -> str:
    """The bytes of a finished file."""
    return f"{folder_of(batch_id)}/{results}.jsonl"


def piece_name(record: BatchRecord, number: int, results: Results) -> str:
    """A piece; no two drivers ever have the same name for one."""
    return f"{folder_of(record.id)}/{record.epoch}-{number}.{results}"


def file_id_of(batch_id: str, results: Results) -> str:
    """The id that a client finds the file under."""
    return f"file-{batch_id.removeprefix('batch_')}{_CALLED[results][1]}"


class Finisher:
    """Writes and registers the files of results; ``breathe`` is called between two parts."""

    def __init__(self, store: Store, register: Register, breathe: Callable[[], None]) -> None:
        self._store = store
        self._register = register
        self._breathe = breathe

    def publish(
        self, record: BatchRecord, results: Results, pieces: Sequence[str], now_s: int
    ) -> str | None:
        """The id of the file that these pieces make; None where there is nothing to say.

        ``UnknownFile`` when a piece is not there.
        """
        if not pieces:
            return None
        blob = blob_of(record.id, results)
        size = self._join(pieces, blob)
        file_id = file_id_of(record.id, results)
        self._register.add(
            FileRecord(
                id=file_id,
                owner=record.order.owner,
                filename=f"{record.id}_{_CALLED[results][0]}.jsonl",
                purpose="batch_output",
                bytes=size,
                created_at=now_s,
                blob=blob,
                expires_at=now_s + record.order.output_ttl_s,
            )
        )
        return file_id

    def _join(self, pieces: Sequence[str], blob: str) -> int:
        size = 0
        with self._store.writer(blob) as whole:
            for name in pieces:
                with self._store.reader(name) as piece:
                    while chunk := piece.read(CHUNK_BYTES):
                        whole.write(chunk)
                        size += len(chunk)
                        self._breathe()
        return size
