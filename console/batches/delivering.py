"""Results into OUT, in the order of the input, and what is said of those that failed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from console.batches.answers import Fault
from console.batches.asking import ENDPOINTS, Kind
from console.batches.contract import Batch
from console.batches.faults import Ended, Unusable
from console.batches.results import Row, answered, rows_of_requests, rows_of_texts
from console.batches.server import Server
from console.batches.sinks import FORMATS, Format, NoVectors, check_format, writing
from console.batches.submitting import MENDS, ROWS, RUN
from console.place import complain
from console.wording import counted

MOST_LISTED = 10
_NAMED: dict[str, Format] = {format: format for format in FORMATS}


class NothingWritten(Ended):
    """Raised when there are no results that the format could hold, now or later."""


class Delivery(NamedTuple):
    """A batch that has ended, the one that mends it, and its rows: None where requests were ready.

    ``rows`` are the first and how many.
    """

    batch: Batch
    mending: Batch | None
    rows: tuple[int, int] | None


@dataclass(slots=True)
class Tally:
    """What was delivered; ``listed`` are the first faults, by their rows."""

    rows: int = 0
    blanks: int = 0
    failed: int = 0
    listed: list[tuple[str, Fault]] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count a row."""
        self.rows += 1
        if row.fault is not None:
            self.failed += 1
            if len(self.listed) < MOST_LISTED:
                name = f"row {row.row}" + (f" ({row.custom_id})" if row.custom_id else "")
                self.listed.append((name, row.fault))
        elif row.vector is None and row.content is None and not row.raw:
            self.blanks += 1

    def complain(self) -> None:
        """Say what failed: a line for each of the first, and their number."""
        for name, fault in self.listed:
            complain(f"{name}: {fault.code}: {fault.message}")
        if self.failed > len(self.listed):
            complain(f"... and {self.failed - len(self.listed):,} more.")

    def __str__(self) -> str:
        blank = f", {self.blanks:,} of them blank" if self.blanks else ""
        failed = f", {self.failed:,} failed" if self.failed else ""
        return counted(self.rows, "row") + blank + failed


def deliver(
    server: Server, deliveries: Sequence[Delivery], output: Path, format: Format, kind: Kind
) -> Tally:
    """Write OUT; ``NothingWritten`` when there is nothing to write into it."""
    tally = Tally()
    ready = any(each.rows is None for each in deliveries)
    try:
        with writing(output, format, kind, with_ids=ready) as sink:
            for each in deliveries:
                for row in _rows(server, each, output.parent, tally.rows, format == "jsonl"):
                    tally.add(row)
                    sink.add(row)
    except NoVectors:
        tally.complain()
        raise NothingWritten(f"{output} is not written: no row has a vector.") from None
    except OSError as error:
        raise Unusable(f"{output} cannot be written: {error.strerror or error}.") from error
    return tally


def _rows(
    server: Server, each: Delivery, folder: Path, first: int, as_lines: bool
) -> Iterator[Row]:
    with answered(server, each.batch, each.mending, folder) as found:
        if each.rows is not None:
            yield from rows_of_texts(found, each.batch, *each.rows)
        else:
            yield from rows_of_requests(
                found, server, each.batch, folder, first=first, as_lines=as_lines
            )


def deliveries_of(batches: Sequence[Batch]) -> list[Delivery]:
    """Batches of anybody: those of texts by their rows, each with the one that mends it."""
    mendings = {
        (batch.metadata or {}).get(MENDS, ""): batch
        for batch in batches
        if MENDS in (batch.metadata or {})
    }
    of_others = {batch.id for batch in batches}
    found = [
        Delivery(batch, mendings.get(batch.id), _rows_in(batch))
        for batch in batches
        if (batch.metadata or {}).get(MENDS, "") not in of_others
    ]
    if len({(batch.metadata or {}).get(RUN) for batch in batches}) == 1:
        found.sort(key=lambda each: each.rows or (0, 0))
    return found


def kind_of(batches: Sequence[Batch]) -> Kind:
    """What they all are; ``Unusable`` when they are not all of one."""
    kinds = {ENDPOINTS.get(batch.endpoint) for batch in batches}
    if len(kinds) != 1 or None in kinds:
        raise Unusable("One output is for batches of one endpoint: get the others by themselves.")
    kind = kinds.pop()
    assert kind is not None
    return kind


def format_of(output: Path, format: Format | None, kind: Kind) -> Format:
    """The format that is asked for, or that OUT's name says; ``Unusable``."""
    named = output.suffix.lower().removeprefix(".")
    told = format or _NAMED.get(named, "jsonl")
    check_format(told, kind)
    return told


def _rows_in(batch: Batch) -> tuple[int, int] | None:
    first, _, rows = (batch.metadata or {}).get(ROWS, "").partition("+")
    return (int(first), int(rows)) if first.isdecimal() and rows.isdecimal() else None
