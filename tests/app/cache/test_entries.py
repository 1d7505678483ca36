"""What is kept, as bytes."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from app.cache.entries import (
    Answer,
    Vector,
    read_answer,
    read_vector,
    write_answer,
    write_vector,
)
from tasks.cache_names import created_at_s
from tasks.events import CallDelta, Done, Finished, Started, Token, TokenLogprob, Usage

ANSWER = Answer(
    1_700_000_000.25,
    (
        Started(3),
        Token(
            0, (), "hé", (TokenLogprob(b"h", -0.5, ((b"h", -0.5),)),), (CallDelta(0, "f", "{}"),)
        ),
        Finished(0, "stop", 2),
        Done(Usage(3, 2), None, "first"),
    ),
)
VECTOR = Vector(1_700_000_000.25, 7, bytes(range(16)))


def test_what_is_written_is_read_again() -> None:
    """Answers and vectors, with the time of their creation in front."""
    assert read_answer(write_answer(ANSWER)) == ANSWER
    assert read_vector(write_vector(VECTOR)) == VECTOR
    assert VECTOR.dimensions == 4
    for value in (write_answer(ANSWER), write_vector(VECTOR)):
        assert created_at_s(value) == 1_700_000_000.25


@settings(deadline=None)
@given(st.binary(max_size=64))
def test_other_bytes_are_not_there(value: bytes) -> None:
    """Whatever they are, nothing is raised, and no answer lacks its end."""
    answer = read_answer(value)
    assert answer is None or isinstance(answer.events[-1], Done)
    read_vector(value)


def test_a_cut_value_is_not_there() -> None:
    """Wherever it was cut, for an answer; within a number, for a vector."""
    whole = write_answer(ANSWER)
    assert not any(read_answer(whole[:end]) for end in range(len(whole)))
    vector = write_vector(VECTOR)
    assert [read_vector(vector[:end]) for end in (0, 8, 12, 13, 15)] == [None] * 5
