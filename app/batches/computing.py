"""Pieces to jobs, and ended jobs to results: where a batch meets the queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import structlog

from app.batches import planning, results
from app.batches.lines import BadLine
from app.batches.parts import Parts
from app.batches.planning import Sized
from app.batches.record import Line, LineError, Order, Piece
from app.batches.requests import Request
from app.batches.results import Results, Unanswered
from app.batches.source import Source, job_of
from app.batches.window import width
from tasks.catalog import Catalog
from tasks.errors import TaskError, UnknownJob, UnknownModel
from tasks.events import Done, Event, Failed
from tasks.jobs import EmbedJob
from tasks.terms import Terms

log = structlog.get_logger(__name__)

_UNREADABLE = TaskError("The answer could not be written; the keeper's log has the reason.")


class Computing:
    """The jobs of one batch. The lines are read from its input each time they are needed."""

    def __init__(self, parts: Parts, order: Order, source: Source) -> None:
        self._gateway = parts.gateway
        self._now_s = parts.now_s
        self._source = source
        self._packs = order.endpoint == "/v1/embeddings"

    @property
    def stretch_lines(self) -> int:
        """How many lines are planned at once."""
        return planning.STRETCH_LINES if self._packs else planning.STRETCH_ALONE

    def jobs_of(self, lines: int) -> int:
        """About how many jobs so many lines are."""
        return -(-lines // planning.JOB_INPUTS) if self._packs else lines

    def divide(self, lines: Sequence[tuple[Line, bytes]]) -> list[Piece]:
        """The pieces that a stretch of lines is computed in."""
        if not self._packs:
            return planning.alone(line for line, _ in lines)
        catalog = self._gateway.catalog
        return planning.packed(self._sized(line, raw, catalog) for line, raw in lines)

    def accept(self, job_id: str, piece: Piece) -> int | Results:
        """Have the piece computed: how many slots it takes, or results when no job can be made.

        Raises what ``Gateway.enqueue`` does.
        """
        try:
            job = job_of(job_id, self._requests(piece, job_id))
            self._gateway.enqueue(job, Terms.of_batch())
        except BadLine as bad:
            return self._of_bad_line(piece, job_id, bad)
        except UnknownModel as gone:
            error = LineError(gone.code, gone.message, param=gone.param)
            return self._of_bad_line(piece, job_id, BadLine(error))
        return width(job)

    def results(self, job_id: str, piece: Piece) -> Results:
        """What an ended job has brought."""
        events = [event for _, event in self._gateway.records.log(job_id)]
        match events[-1] if events else None:
            case Done():
                return self._of_answer(job_id, piece, events)
            case Failed() as end:
                return self._of_failure(job_id, piece, end.error())
            case _:
                # The log is gone, or is half of what it was: the lines are computed once more.
                return Results(again=(piece,))

    def unanswered(self, piece: Piece, unanswered: Unanswered) -> Results:
        """Of a piece that is not computed any more."""
        return results.of_nothing(map(self._source.custom_id, piece.lines), unanswered)

    def _of_answer(self, job_id: str, piece: Piece, events: Sequence[Event]) -> Results:
        try:
            if self._packs:
                requests = self._requests(piece, job_id)
                return _written(lambda: results.of_vectors(requests, job_id, events))
            job = self._gateway.records.job(job_id)
            custom_id = self._source.custom_id(piece.lines[0])
            return _written(lambda: results.of_answer(custom_id, job, job_id, events))
        except BadLine as bad:
            return self._of_bad_line(piece, job_id, bad)
        except UnknownJob:
            return Results(again=(piece,))
        except TaskError as error:
            return self._of_failure(job_id, piece, error)

    def _of_failure(self, job_id: str, piece: Piece, error: TaskError) -> Results:
        if again := results.tried_again(piece, lambda: self._inputs(piece), error):
            return Results(again=again)
        return results.of_failure(map(self._source.custom_id, piece.lines), job_id, error)

    def _of_bad_line(self, piece: Piece, job_id: str, bad: BadLine) -> Results:
        return results.of_bad_line(piece, job_id, self._source.custom_id(piece.lines[0]), bad)

    def _requests(self, piece: Piece, job_id: str) -> list[Request]:
        catalog, now_s = self._gateway.catalog, self._now_s()
        return [self._source.request(line, catalog, job_id, now_s) for line in piece.lines]

    def _inputs(self, piece: Piece) -> list[int]:
        catalog = self._gateway.catalog
        return [self._sized(line, self._source.raw(line), catalog).inputs for line in piece.lines]

    def _sized(self, line: Line, raw: bytes, catalog: Catalog) -> Sized:
        try:
            job = self._source.parsed(line, raw, catalog).job
        except BadLine:
            # Told when it is to be accepted, alone.
            return Sized(line, 1, line.number)
        if not isinstance(job, EmbedJob):
            return Sized(line, 1, line.number)
        return Sized(line, len(job.texts) + len(job.tokens), (job.dimensions, bool(job.tokens)))


def _written(render: Callable[[], Results]) -> Results:
    try:
        return render()
    except TaskError:
        raise
    except Exception as error:
        # A bug of ours, or of the worker that computed it: the batch goes on without these lines.
        log.exception("an answer could not be written")
        raise _UNREADABLE from error
