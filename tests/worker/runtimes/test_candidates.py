"""The short list of likely tokens, and the slots that stand in: pure parts of the llama runtime."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("llama_cpp")

from worker.runtimes.llama.candidates import likeliest
from worker.runtimes.llama.logits import fault
from worker.runtimes.llama.memory import GAP, gaps


@given(seed=st.integers(0, 2**32 - 1), count=st.integers(1, 300), size=st.integers(300, 5000))
def test_the_likeliest_are_on_the_list(seed: int, count: int, size: int) -> None:
    """Whatever the logits, the ``count`` largest are among the candidates."""
    row = np.random.default_rng(seed).normal(size=size).astype(np.float32)
    assert set(np.argsort(row)[-count:]) <= set(likeliest(row, count))


def test_the_list_is_short() -> None:
    """For 40 of 49,152 logits it has at most a few hundred."""
    row = np.random.default_rng(1).normal(size=49152).astype(np.float32)
    assert 40 <= len(likeliest(row, 40)) < 300


def test_forbidden_tokens_may_be_all_but_one() -> None:
    """With everything else at minus infinity the one that is left is on the list."""
    row = np.full(49152, -np.inf, dtype=np.float32)
    row[777] = 0
    assert 777 in likeliest(row, 40)


@given(slots=st.sets(st.integers(0, 40), min_size=1))
def test_small_gaps_are_filled(slots: set[int]) -> None:
    """With the stand-ins no gap of ``GAP`` slots or fewer is left, and no running slot is one."""
    fed = sorted(slots)
    found = gaps(fed)
    assert not set(found) & slots
    together = sorted([*fed, *found])
    widths = [right - left - 1 for left, right in pairwise(together)]
    assert all(width == 0 or width > GAP for width in widths)


def test_numbers_that_are_none_are_a_fault() -> None:
    """NaN and plus infinity are told, minus infinity (a forbidden token) is not."""
    assert fault(np.array([0, np.nan], dtype=np.float32))
    assert fault(np.array([0, np.inf], dtype=np.float32))
    assert fault(np.array([0, -np.inf], dtype=np.float32)) is None
