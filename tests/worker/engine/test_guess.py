"""Guessing from what was said before."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from worker.engine.guess import NGRAM, Lookup


def test_a_repetition_is_continued() -> None:
    """After the same three tokens the same ones are guessed."""
    assert Lookup([1, 2, 3, 4, 5, 6, 1, 2, 3]).guess(2) == (4, 5)


def test_the_latest_time_counts() -> None:
    """Of two earlier continuations the later one is guessed."""
    assert Lookup([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3]).guess(1) == (5,)


def test_nothing_new_is_guessed() -> None:
    """Without a repetition, or with no room, there is no guess."""
    assert Lookup([1, 2, 3, 4, 5]).guess(4) == ()
    assert Lookup([1, 2, 3, 4, 1, 2, 3]).guess(0) == ()
    assert Lookup([1, 2]).guess(3) == ()


def test_no_picture_is_guessed() -> None:
    """Where a picture followed, the guess ends before it: nobody draws one."""
    assert Lookup([1, 2, 3, 4, -5, -6, 7, 1, 2, 3]).guess(4) == (4,)
    assert Lookup([1, 2, 3, -5, 7, 1, 2, 3]).guess(4) == ()


@given(st.lists(st.integers(0, 2), max_size=60), st.integers(0, 8))
def test_a_guess_was_said_before(tokens: list[int], most: int) -> None:
    """What is guessed followed the last tokens somewhere, and is no longer than asked for."""
    guessed = Lookup(tokens).guess(most)
    assert len(guessed) <= most
    if guessed:
        run = (*tokens[-NGRAM:], *guessed)
        whole = (*tokens, *guessed)
        assert any(whole[at : at + len(run)] == run for at in range(len(tokens) - NGRAM))
