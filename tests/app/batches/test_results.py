"""What becomes of lines whose job has ended."""

from __future__ import annotations

import json

import numpy as np
import pytest

from app.batches import results
from app.batches.record import Line, Piece
from app.batches.requests import Request
from tasks.errors import (
    ContextLengthExceeded,
    DeadLetter,
    InvalidJob,
    JobCancelled,
    ModelFailed,
    TaskError,
)
from tasks.events import Done, Event, Usage, Vectors
from tasks.jobs import EmbedJob

ONE = Piece((Line(1, 0, 5),))
FOUR = Piece(tuple(Line(number, number * 6, 5) for number in range(1, 5)))


def again(piece: Piece, error: TaskError, *inputs: int) -> list[Piece]:
    """What is planned in its place."""
    return results.tried_again(piece, lambda: inputs, error)


@pytest.mark.parametrize("error", [InvalidJob("x"), ContextLengthExceeded("x", param="input[0]")])
def test_a_line_at_fault_is_not_tried_again(error: TaskError) -> None:
    """It would fail for ever."""
    assert again(ONE, error, 1) == []


@pytest.mark.parametrize("error", [ModelFailed("x"), DeadLetter("x"), JobCancelled("x")])
def test_a_line_without_fault_is_tried_once_more(error: TaskError) -> None:
    """And then it has failed."""
    assert again(ONE, error, 1) == [Piece(ONE.lines, 1)]
    assert again(Piece(ONE.lines, 1), error, 1) == []


def test_a_named_culprit_is_tried_alone() -> None:
    """The error counts inputs, and a line may have several."""
    piece = again(FOUR, ContextLengthExceeded("x", param="input[4]"), 1, 3, 3, 1)
    first, second, third, fourth = FOUR.lines
    assert piece == [Piece((first, second, fourth)), Piece((third,))]


def test_without_a_culprit_a_job_is_halved() -> None:
    """Down to single lines, so that nobody fails for a neighbour."""
    assert [len(each.lines) for each in again(FOUR, DeadLetter("x"))] == [2, 2]
    assert [len(each.lines) for each in again(FOUR, TaskError("x"))] == [2, 2]


def test_dimensions_are_the_fault_of_all() -> None:
    """Lines that are packed together ask for the same."""
    assert again(FOUR, InvalidJob("x", param="dimensions")) == []


def test_a_cancelled_job_is_tried_as_a_whole() -> None:
    """Who cancelled it said nothing of its lines."""
    assert again(FOUR, JobCancelled("x")) == [Piece(FOUR.lines, 1)]


def requests(*texts: tuple[str, ...]) -> list[Request]:
    """Lines of these inputs."""
    return [
        Request(f"line-{at}", EmbedJob(id="j", model="m", texts=each))
        for at, each in enumerate(texts)
    ]


def events(counts: tuple[int, ...]) -> list[Event]:
    """Three vectors in two parts, out of order, and the end."""
    rows = np.arange(6, dtype="<f4").reshape(3, 2)
    parts: list[Event] = [
        Vectors(1, 2, rows[1:].tobytes(), counts[1:]),
        Vectors(0, 2, rows[:1].tobytes(), counts[:1]),
    ]
    return [*parts, Done(Usage(10))]


@pytest.mark.parametrize(
    ("told", "tokens"), [((2, 3, 5), [2, 8]), ((), [4, 6])], ids=["told", "not told"]
)
def test_rows_and_tokens_belong_to_their_lines(told: tuple[int, ...], tokens: list[int]) -> None:
    """In the order of the inputs; a worker that does not tell has them shared out."""
    found = results.of_vectors(requests(("a",), ("b", "c")), "job", events(told))
    bodies = [json.loads(line)["response"]["body"] for line in found.output]
    assert [[row["embedding"] for row in body["data"]] for body in bodies] == [
        [[0.0, 1.0]],
        [[2.0, 3.0], [4.0, 5.0]],
    ]
    assert [body["usage"]["prompt_tokens"] for body in bodies] == tokens
    assert found.usage == Usage(10)


def test_vectors_that_are_missing_are_found_out() -> None:
    """No line gets another's."""
    with pytest.raises(ValueError, match="3 vectors for 2 inputs"):
        results.of_vectors(requests(("a",), ("b",)), "job", events((1, 1, 1)))
