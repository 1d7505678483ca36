"""A part's answers, in the order of its input.

Output and error files come in any order. They are brought to a file on disk, of which only the
lines' places are in memory: 50,000 at most.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

import msgspec

from console.batches import contract
from console.batches.answers import Fault, Outcome, custom_id_of, outcome_of
from console.batches.asking import inputs_in, row_id, rows_of_id
from console.batches.contract import Batch
from console.batches.faults import Refused
from console.batches.server import Server
from console.batches.sources import ReadyRequest

_NOT_FOUND = 404


class Row(NamedTuple):
    """A row of the output. Without an answer and without a fault it is one without a text.

    ``raw`` is the server's own line, where requests were ready and lines are wanted.
    """

    row: int
    custom_id: str
    vector: bytes | None = None
    content: str | None = None
    finish_reason: str | None = None
    fault: Fault | None = None
    raw: bytes = b""


class Answered:
    """The answers of a batch and of the one that mends it, on disk; ``lines`` are the first's."""

    def __init__(self, spool: BinaryIO) -> None:
        self.lines = 0
        self._spool = spool
        self._places: dict[str, tuple[int, int]] = {}

    def bring(self, server: Server, file_id: str | None) -> None:
        """Add the lines of a file of the server; None stands for no such file."""
        if not file_id:
            return
        self._spool.seek(0, 2)
        start = self._spool.tell()
        contract.content(server, file_id, self._spool)
        self._spool.seek(start)
        for line in self._spool:
            if line.strip():
                self._places[custom_id_of(line)] = (start, len(line))
            start += len(line)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def raw(self, custom_id: str) -> bytes | None:
        """The line of a request; None where there is none."""
        if (place := self._places.get(custom_id)) is None:
            return None
        self._spool.seek(place[0])
        return self._spool.read(place[1])

    def outcome(self, custom_id: str) -> Outcome | None:
        """What it says."""
        raw = self.raw(custom_id)
        return None if raw is None else outcome_of(raw)


@contextmanager
def answered(
    server: Server, batch: Batch, mending: Batch | None, folder: Path
) -> Iterator[Answered]:
    """All that they have answered, until the block ends."""
    with tempfile.TemporaryFile(dir=folder) as spool:
        found = Answered(spool)
        found.bring(server, batch.output_file_id)
        found.bring(server, batch.error_file_id)
        found.lines = sum(1 for _ in found)
        if mending is not None:
            found.bring(server, mending.output_file_id)
            found.bring(server, mending.error_file_id)
        yield found


def rows_of_texts(found: Answered, batch: Batch, first: int, rows: int) -> Iterator[Row]:
    """A row for every row of the part, which begins at ``first``.

    A failed line of many rows gives way to the lines that its rows have for themselves since.
    """
    places = (place for each in found if (place := rows_of_id(each)))
    stretches = sorted(places, key=lambda place: (place[0], -place[1]))
    missing = None if found.lines >= batch.counts.total > 0 else _missing(batch)
    at = first
    for start, count in stretches:
        if start < at:  # a row that has a line for itself by now, and was in that of others
            continue
        for row in range(at, start):
            yield Row(row, "", fault=missing)
        yield from _stretch(found, start, count)
        at = start + count
    for row in range(at, first + rows):
        yield Row(row, "", fault=missing)


def _stretch(found: Answered, start: int, count: int) -> Iterator[Row]:
    outcome = found.outcome(row_id(start, count))
    if outcome is None:
        return
    if outcome.fault is None:
        yield from _expanded(start, "", outcome, count)
        return
    for row in range(start, start + count):
        own = found.outcome(row_id(row, 1)) if count > 1 else None
        yield from _expanded(row, "", own or outcome, 1)


def rows_of_requests(
    found: Answered, server: Server, batch: Batch, folder: Path, *, first: int, as_lines: bool
) -> Iterator[Row]:
    """A row for every request that was ready, in the input's order: for its every input, or one.

    Without the input, which may be deleted, the order is the output's.
    """
    row = first
    for custom_id, inputs in _asked(found, server, batch, folder):
        raw = found.raw(custom_id)
        if raw is None:
            outcome = Outcome(fault=_missing(batch), ran=False)
            raw = _never_answered(custom_id, _missing(batch))
        else:
            outcome = outcome_of(raw)
        if as_lines:
            raw = raw.rstrip(b"\n") + b"\n"
            yield Row(row, custom_id, fault=outcome.fault, raw=raw)
            row += 1
            continue
        yield from _expanded(row, custom_id, outcome, inputs)
        row += inputs


def _asked(
    found: Answered, server: Server, batch: Batch, folder: Path
) -> Iterator[tuple[str, int]]:
    """The custom_ids of the input, and how many inputs each has."""
    with tempfile.TemporaryFile(dir=folder) as file:
        try:
            contract.content(server, batch.input_file_id, file)
        except Refused as error:
            if error.http_status != _NOT_FOUND:
                raise
            server.note(f"{batch.id}: its input is deleted; the order is the output's.")
            for custom_id in found:
                outcome = found.outcome(custom_id)
                yield custom_id, len(outcome.vectors) or 1 if outcome else 1
            return
        file.seek(0)
        for line in file:
            if not line.strip():
                continue
            try:
                request = msgspec.json.decode(line, type=ReadyRequest)
            except msgspec.DecodeError:  # why the batch failed
                continue
            yield request.custom_id, inputs_in(bytes(request.body))


def _expanded(row: int, custom_id: str, outcome: Outcome, count: int) -> Iterator[Row]:
    """A row for each of ``count`` inputs."""
    fault = outcome.fault
    if fault is None and outcome.vectors and len(outcome.vectors) != count:
        fault = Fault("wrong_count", f"{count} inputs have {len(outcome.vectors)} vectors.")
    for number in range(count):
        if fault is not None:
            yield Row(row + number, custom_id, fault=fault)
        elif outcome.vectors:
            yield Row(row + number, custom_id, vector=outcome.vectors[number])
        else:
            yield Row(
                *(row + number, custom_id),
                content=outcome.content,
                finish_reason=outcome.finish_reason,
            )


def _missing(batch: Batch) -> Fault:
    """Why a batch has no answer for a row."""
    if batch.reasons:
        reason = batch.reasons[0]
        return Fault(reason.code or "batch_failed", reason.message)
    message = f"The batch {batch.id} is {batch.status} and has no answer for it."
    return Fault("no_answer", message)


def _never_answered(custom_id: str, fault: Fault) -> bytes:
    error = {"code": fault.code, "message": fault.message}
    return msgspec.json.encode({"custom_id": custom_id, "response": None, "error": error}) + b"\n"
