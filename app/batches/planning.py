"""Lines to pieces: what one job computes. Pure.

A line of chat or completions is a job. Embeddings are packed: a job of a few hundred inputs costs
the queue little more than a job of one, and inputs of like length leave an engine little to pad.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from app.batches.record import Line, Piece

STRETCH_LINES = 2_048
"""Embedding lines that are planned at once, and sorted by length together."""

STRETCH_ALONE = 256
"""Lines that are planned at once where each is a job of its own: nothing is gained by more."""

STRETCH_BYTES = 4 * 1024 * 1024
"""Input that is planned at once at most, the last line beyond it."""

JOB_INPUTS = 256
JOB_BYTES = 256 * 1024
"""Bounds of a packed job: it is over soon enough for others to have their turn."""


@dataclass(frozen=True, slots=True)
class Sized:
    """A line to be packed: its inputs, and what it must have in common with its job's others."""

    line: Line
    inputs: int
    alike: Hashable


def stretch(lines: Iterable[tuple[Line, bytes]], most: int) -> list[tuple[Line, bytes]]:
    """The lines that are planned next, at most so many, and no more bytes than are held at once."""
    taken: list[tuple[Line, bytes]] = []
    held = 0
    for line, raw in lines:
        taken.append((line, raw))
        held += line.length
        if len(taken) == most or held >= STRETCH_BYTES:
            break
    return taken


def alone(lines: Iterable[Line]) -> list[Piece]:
    """Each line in a job of its own."""
    return [Piece((line,)) for line in lines]


def packed(lines: Iterable[Sized]) -> list[Piece]:
    """The lines in as few jobs as their bounds allow, those of like length together."""
    kinds: dict[Hashable, list[Sized]] = {}
    for each in lines:
        kinds.setdefault(each.alike, []).append(each)
    return [piece for kind in kinds.values() for piece in _cut(sorted(kind, key=_length))]


def halves(piece: Piece) -> list[Piece]:
    """Two jobs in the place of one that failed for nobody knows which line."""
    middle = len(piece.lines) // 2
    return [Piece(piece.lines[:middle]), Piece(piece.lines[middle:])]


def apart(piece: Piece, culprit: int) -> list[Piece]:
    """The line at fault alone, so that it fails in its own words, and the others together."""
    others = piece.lines[:culprit] + piece.lines[culprit + 1 :]
    return [Piece(others), Piece((piece.lines[culprit],))]


def once_more(piece: Piece) -> Piece:
    """The same lines, one try later."""
    return Piece(piece.lines, piece.tries + 1)


def in_order(pieces: dict[str, Piece]) -> dict[str, Piece]:
    """Planned pieces by where they stand in the input."""
    return dict(sorted(pieces.items(), key=lambda item: item[1].lines[0].offset))


def _length(sized: Sized) -> float:
    return sized.line.length / sized.inputs


def _cut(lines: Sequence[Sized]) -> Iterator[Piece]:
    held: list[Line] = []
    inputs = length = 0
    for each in lines:
        full = inputs + each.inputs > JOB_INPUTS or length + each.line.length > JOB_BYTES
        if held and full:
            yield Piece(tuple(held))
            held, inputs, length = [], 0, 0
        held.append(each.line)
        inputs += each.inputs
        length += each.line.length
    if held:
        yield Piece(tuple(held))
