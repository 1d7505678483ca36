"""Cutting FILE into parts that are a batch each: as large as the server's limits let them be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import BinaryIO, NamedTuple

import msgspec

from console.batches.asking import Ask, Request, check_length, requests_of
from console.batches.faults import Unusable


class Limits(NamedTuple):
    """Of one batch, and of one line."""

    lines: int
    inputs: int
    number_bytes: int
    line_bytes: int


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """A stretch of FILE's rows, and what its batch has; ``blanks`` are rows without a text.

    ``tried`` says that its batch may have been made, ``batch_id`` that it was. ``mending_tried``
    and ``mending_id`` are of a second batch, for the texts of failed lines. ``line`` is where its
    first request stands in FILE, where requests are ready.
    """

    first: int
    rows: int
    lines: int
    inputs: int
    blanks: int = 0
    line: int = 0
    tried: bool = False
    batch_id: str = ""
    mending_tried: bool = False
    mending_id: str = ""


class _Cut:
    """A part that grows."""

    def __init__(self, first: int) -> None:
        self.first = first
        self.rows = self.lines = self.inputs = self.blanks = self.number_bytes = self.line = 0

    def has_room(self, request: Request, limits: Limits) -> bool:
        return (
            (not request.raw)
            or self.lines == 0
            or (
                self.lines + 1 <= limits.lines
                and self.inputs + request.inputs <= limits.inputs
                and self.number_bytes + len(request.raw) <= limits.number_bytes
            )
        )

    def add(self, request: Request) -> None:
        self.rows += request.rows
        if not request.raw:
            self.blanks += 1
            return
        self.line = self.line or request.line
        self.lines += 1
        self.inputs += request.inputs
        self.number_bytes += len(request.raw)

    def part(self) -> Part:
        return Part(
            first=self.first,
            rows=self.rows,
            lines=self.lines,
            inputs=self.inputs,
            blanks=self.blanks,
            line=self.line,
        )


def cut(ask: Ask, limits: Limits) -> list[Part]:
    """The parts of FILE, which is read once for it; ``Unusable`` when it has nothing to compute."""
    parts: list[Part] = []
    growing = _Cut(0)
    row = 0
    for request in requests_of(ask):
        check_length(request, row, limits.line_bytes, ask.file)
        if not growing.has_room(request, limits):
            parts.append(growing.part())
            growing = _Cut(row)
        growing.add(request)
        row += request.rows
    if not growing.lines:
        raise Unusable(f"{ask.file} has nothing to compute: every row of it is blank.")
    parts.append(growing.part())
    return parts


class Cutter:
    """FILE read a second time, part after part."""

    def __init__(self, ask: Ask, parts: Iterable[Part]) -> None:
        self._requests: Iterator[Request] = requests_of(ask)
        self._parts = list(parts)
        self._at = 0
        self._ask = ask

    def write(self, number: int, file: BinaryIO) -> None:
        """Write the requests of a part to ``file``. One that was passed means to begin again."""
        if number < self._at:
            self._requests, self._at = requests_of(self._ask), 0
        for part in self._parts[self._at : number]:
            self._take(part, None)
        self._take(self._parts[number], file)
        self._at = number + 1

    def _take(self, part: Part, file: BinaryIO | None) -> None:
        rows = lines = 0
        while rows < part.rows and (request := next(self._requests, None)) is not None:
            rows += request.rows
            lines += bool(request.raw)
            if file is not None:
                file.write(request.raw)
        if (rows, lines) != (part.rows, part.lines):
            raise Unusable(f"{self._ask.file} has changed while it was read.")
