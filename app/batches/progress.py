"""The progress of one batch: its record as this driver has it, and whatever changes it.

Results are stored first, and counted then. What was stored and never counted belongs to nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from msgspec.structs import replace

from app.batches.errors import TakenOver
from app.batches.finishing import Finisher, Results, piece_name
from app.batches.gathered import Gathered
from app.batches.parts import Parts
from app.batches.record import BatchRecord, LineError, Piece, Status
from app.files.errors import UnknownFile

log = structlog.get_logger(__name__)

_PIECE_LOST = LineError("results_lost", "Results that were stored are gone from the store.")


class Progress:
    """Fenced: each method raises ``TakenOver`` when the batch is another driver's by now."""

    def __init__(self, record: BatchRecord, parts: Parts, breathe: Callable[[], None]) -> None:
        self.record = record
        self._parts = parts
        self._book = parts.book
        self._finisher = Finisher(parts.store, parts.register, breathe)
        self._stored = 0

    @property
    def unread(self) -> int:
        """How many lines are not planned yet."""
        return self.record.total - self.record.cursor

    @property
    def late(self) -> bool:
        """Whether its time is over."""
        return self._parts.now_s() >= self.record.order.expires_at

    @property
    def age_s(self) -> float:
        """How long ago it was made."""
        return self._parts.now_s() - self.record.order.created_at

    def see(self, record: BatchRecord) -> None:
        """Take in the record as it stands, which only its status may have changed in."""
        if _done_so_far(record) != _done_so_far(self.record):
            raise TakenOver(f"the batch {record.id!r} is not as this driver left it")
        self.record = record

    def plan(self, pieces: Mapping[str, Piece], lines: int, offset: int) -> None:
        """Give the next lines, up to byte ``offset``, to these jobs."""
        cursor = self.record.cursor + lines
        self._book.plan(self.record, pieces, cursor, offset)
        self.record = replace(self.record, cursor=cursor, offset=offset)

    def commit(self, gathered: Gathered) -> dict[str, Piece]:
        """Store what was gathered, and count it; what is planned again because of it."""
        self._stored += 1
        commit = gathered.commit(
            self._store("output", gathered.output), self._store("errors", gathered.errors)
        )
        # A piece whose commit is refused stays: it may be a retry's, whose first call was applied.
        self._book.commit(self.record, commit)
        self.record = replace(
            self.record,
            completed=self.record.completed + commit.completed,
            failed=self.record.failed + commit.failed,
        )
        return commit.again

    def advance(self, status: Status, *, forget_at_s: int = 0, **fields: Any) -> None:
        """Bring it to another status, now."""
        fields[f"{status}_at"] = int(self._parts.now_s())
        self.record = self._book.advance(self.record, status, forget_at_s=forget_at_s, **fields)
        log.info(
            "batch",
            batch=self.record.id,
            status=status,
            total=self.record.total,
            completed=self.record.completed,
            failed=self.record.failed,
        )

    def finish(self, end: Status, *errors: LineError) -> None:
        """Make the files of what was counted, and end."""
        if end == "completed" and self.record.status != "finalizing":
            self.advance("finalizing")
        output, failures = self._book.output(self.record.id)
        now_s = int(self._parts.now_s())
        try:
            output_id = self._finisher.publish(self.record, "output", output, now_s)
            error_id = self._finisher.publish(self.record, "errors", failures, now_s)
        except UnknownFile:
            end, output_id, error_id, errors = "failed", None, None, (_PIECE_LOST,)
        self.advance(
            end,
            forget_at_s=now_s + self._parts.settings.batch_ttl_s,
            output_file_id=output_id,
            error_file_id=error_id,
            errors=errors or None,
        )

    def _store(self, results: Results, lines: bytearray) -> str:
        if not lines:
            return ""
        name = piece_name(self.record, self._stored, results)
        with self._parts.store.writer(name) as file:
            file.write(lines)
        return name


def _done_so_far(record: BatchRecord) -> tuple[int, ...]:
    return (record.epoch, record.cursor, record.completed, record.failed)
