"""An embeddings job before and after its computing, on the echo runtime."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tasks.errors import ContextLengthExceeded, InvalidJob
from tasks.jobs import EmbedJob
from worker.embedding.job import ROWS, events_of, inputs_of, shorten
from worker.runtimes.echo import EchoEmbed

RUNTIME = EchoEmbed(context=32, dimensions=16)


def job(**changes: Any) -> EmbedJob:
    """An embeddings job."""
    return EmbedJob(id="1", model="m", **changes)


@pytest.mark.parametrize(
    ("changes", "kind", "param"),
    [
        ({"texts": ("a", "x" * 200)}, ContextLengthExceeded, "input[1]"),
        ({"tokens": ((1,), (2**40,))}, InvalidJob, "input[1]"),
        ({"texts": ("a",), "dimensions": 17}, InvalidJob, "dimensions"),
    ],
)
def test_what_the_model_cannot_take_is_named(
    changes: dict[str, Any], kind: type[InvalidJob], param: str
) -> None:
    """The input's index, or the field."""
    with pytest.raises(kind) as refused:
        inputs_of(RUNTIME, job(**changes))
    assert refused.value.param == param


def test_shortened_vectors_have_unit_length() -> None:
    """The first numbers, renormalised; a zero vector stays zero."""
    vectors = np.array([[3, 4, 12], [0, 0, 0]], dtype=np.float32)
    assert np.allclose(shorten(vectors, 2), np.array([[0.6, 0.8], [0, 0]]))


def test_events_hold_all_rows_once() -> None:
    """In pieces of at most so many rows, little-endian float32."""
    vectors = np.arange((ROWS * 2 + 3) * 4, dtype=np.float32).reshape(-1, 4)
    events = list(events_of(vectors, [1] * len(vectors)))
    assert [event.start for event in events] == [0, ROWS, 2 * ROWS]
    joined = b"".join(event.data for event in events)
    assert np.array_equal(np.frombuffer(joined, "<f4").reshape(-1, 4), vectors)


def test_events_tell_how_many_tokens_each_input_has() -> None:
    """Each those of its own rows, in order, also in the last and shorter piece."""
    tokens = list(range(ROWS + 2))
    first, last = events_of(np.zeros((ROWS + 2, 4), dtype=np.float32), tokens)
    assert (*first.tokens, *last.tokens) == tuple(tokens)
    assert len(last.tokens) == 2
