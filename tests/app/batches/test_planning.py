"""Which lines one job computes, and what takes the place of a job that failed."""

from __future__ import annotations

from app.batches import planning
from app.batches.planning import Sized, apart, halves, packed, stretch
from app.batches.record import Line, Piece


def lines(*lengths: int) -> list[Line]:
    """Lines of these lengths, one after the other."""
    return [
        Line(number, sum(lengths[: number - 1]) + number - 1, length)
        for number, length in enumerate(lengths, 1)
    ]


def sized(line: Line, inputs: int = 1, alike: object = None) -> Sized:
    """A line to be packed."""
    return Sized(line, inputs, alike)


def test_every_line_is_in_one_piece() -> None:
    """Packing loses none and doubles none."""
    given = lines(*range(50, 2_000))
    pieces = packed(map(sized, given))
    assert sorted(line.number for piece in pieces for line in piece.lines) == list(range(1, 1_951))


def test_a_packed_job_has_a_few_hundred_inputs() -> None:
    """As many as the bound allows, and the last the rest."""
    pieces = packed(map(sized, lines(*[100] * 600)))
    assert [len(piece.lines) for piece in pieces] == [256, 256, 88]


def test_lines_of_like_length_are_together() -> None:
    """What an engine pads is little: short lines are not with long ones."""
    given = lines(*[100, 900] * 256)
    pieces = packed(map(sized, given))
    assert [{line.length for line in piece.lines} for piece in pieces] == [{100}, {900}]


def test_inputs_that_are_not_alike_are_apart() -> None:
    """One job asks for one number of dimensions."""
    first, second, third = lines(10, 10, 10)
    pieces = packed([sized(first, 1, "a"), sized(second, 1, "b"), sized(third, 1, "a")])
    assert pieces == [Piece((first, third)), Piece((second,))]


def test_a_line_of_many_inputs_is_a_job_of_its_own() -> None:
    """Inputs count, not lines."""
    first, second = lines(10, 20)
    assert packed([sized(first, 1), sized(second, 2_048)]) == [Piece((second,)), Piece((first,))]


def test_a_packed_job_is_bound_in_bytes() -> None:
    """Long texts would hold up everything else of their priority."""
    pieces = packed(map(sized, lines(*[planning.JOB_BYTES // 2] * 5)))
    assert [len(piece.lines) for piece in pieces] == [2, 2, 1]


def test_a_stretch_ends_at_its_bounds() -> None:
    """So many lines, or the line that fills what is held at once."""
    given = [(line, b"") for line in lines(*[planning.STRETCH_BYTES // 2] * 5)]
    assert len(stretch(given, 1)) == 1
    assert len(stretch(given, 5)) == 2


def test_halves_are_the_whole() -> None:
    """In their order."""
    first, second, third = lines(1, 1, 1)
    assert halves(Piece((first, second, third), 1)) == [Piece((first,)), Piece((second, third))]


def test_a_culprit_is_apart() -> None:
    """The others are together without it."""
    first, second, third = lines(1, 1, 1)
    assert apart(Piece((first, second, third)), 1) == [Piece((first, third)), Piece((second,))]
