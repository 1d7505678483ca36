"""The flight: a batch's pieces between plan and commit, as its driver knows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from app.batches.planning import in_order
from app.batches.record import Piece
from tasks.records import Record


class Flight:
    """Pieces by their jobs' ids: planned, accepted, or ended; what was collected has left."""

    def __init__(self) -> None:
        self.planned: dict[str, Piece] = {}
        self.accepted: dict[str, Piece] = {}
        self.ended: dict[str, Piece] = {}
        self._widths: dict[str, int] = {}

    @property
    def empty(self) -> bool:
        """Whether every piece has been collected."""
        return not (self.planned or self.accepted or self.ended)

    @property
    def width(self) -> int:
        """How many slots the accepted jobs take; one each where it is not known."""
        return sum(self._widths.get(job_id, 1) for job_id in self.accepted)

    def recall(self, pieces: dict[str, Piece], found: Mapping[str, Record | None]) -> None:
        """Begin with what an earlier driver planned, and what became of the jobs."""
        self.accepted = in_order(pieces)
        self.hear(found)
        self.planned = in_order(self.planned)

    def accept(self, job_id: str, width: int) -> None:
        """A planned piece has its job."""
        self.accepted[job_id] = self.planned.pop(job_id)
        self._widths[job_id] = width

    def hear(self, found: Mapping[str, Record | None]) -> None:
        """Take in how accepted jobs stand; one without a record is to be accepted again."""
        for job_id, record in found.items():
            if job_id not in self.accepted:
                continue
            if record is None:
                self.planned[job_id] = self.accepted.pop(job_id)
            elif record.final:
                self.ended[job_id] = self.accepted.pop(job_id)
                self._widths.pop(job_id, None)
