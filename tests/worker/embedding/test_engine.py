"""The embeddings engine's threads, on the echo runtime."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.worker.embedding.telling import Told
from worker.embedding.engine import ROWS, EmbedEngine
from worker.runtimes.echo import EchoEmbed
from worker.runtimes.errors import DecodeFailed

POISON = 13
Embed = Callable[[Sequence[Sequence[int]]], NDArray[np.float32]]


class Gated(EchoEmbed):
    """An echo that waits for its gate, notes its batches, and fails on the token ``POISON``."""

    def __init__(self) -> None:
        super().__init__(context=64, dimensions=8)
        self.gate = threading.Event()
        self.entered = threading.Event()
        self.sizes: list[int] = []

    @property
    def lanes(self) -> int:
        """One, so that what comes meanwhile must wait."""
        return 1

    def embed(self, inputs: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """As the echo does, once the gate is open."""
        self.entered.set()
        assert self.gate.wait(10)
        self.sizes.append(len(inputs))
        if any(POISON in tokens for tokens in inputs):
            raise DecodeFailed("poison")
        return super().embed(inputs)


@pytest.fixture
def runtime() -> Gated:
    """A runtime whose gate is closed."""
    return Gated()


@pytest.fixture
def told() -> Told:
    """What the engine tells."""
    return Told()


@pytest.fixture
def engine(runtime: Gated, told: Told) -> Iterator[EmbedEngine]:
    """An engine of one lane, which is busy with the request "first"."""
    engine = EmbedEngine(runtime, told)
    engine.start()
    engine.submit("first", [[1]])
    assert runtime.entered.wait(10)
    yield engine
    runtime.gate.set()
    engine.close()


def test_what_comes_while_it_computes_is_computed_together(
    engine: EmbedEngine, runtime: Gated, told: Told
) -> None:
    """Texts of twenty requests are one batch, and each gets its own vector."""
    names = [str(number) for number in range(20)]
    for number, name in enumerate(names):
        engine.submit(name, [[number + 100, 2]])
    runtime.gate.set()
    told.wait_for(*names)
    assert runtime.sizes == [1, 20]
    for number, name in enumerate(names):
        vectors = told.over[name].vectors
        assert vectors is not None
        assert np.array_equal(vectors, EchoEmbed.embed(runtime, [[number + 100, 2]]))


def test_vectors_keep_the_order_of_their_inputs(
    engine: EmbedEngine, runtime: Gated, told: Told
) -> None:
    """Though inputs of like length are computed together, in several batches."""
    inputs = [[200 + i] * (1 + i * 7 % 20) for i in range(3 * ROWS)]
    engine.submit("many", inputs)
    runtime.gate.set()
    told.wait_for("many")
    vectors = told.over["many"].vectors
    assert vectors is not None
    assert np.array_equal(vectors, EchoEmbed.embed(runtime, inputs))
    assert len(runtime.sizes) > 3


def test_only_the_culprit_of_a_failed_batch_fails(
    engine: EmbedEngine, runtime: Gated, told: Told
) -> None:
    """Its neighbours in the batch are computed without it."""
    engine.submit("good", [[1, 2]])
    engine.submit("bad", [[1, POISON]])
    runtime.gate.set()
    told.wait_for("good", "bad")
    assert told.over["good"].vectors is not None
    assert isinstance(told.over["bad"].error, DecodeFailed)


def test_a_dropped_request_computes_nothing_more(
    engine: EmbedEngine, runtime: Gated, told: Told
) -> None:
    """Neither what waits of it nor its place in a batch under way is told of."""
    engine.submit("large", [[1]] * 500)
    assert engine.drop("large")
    assert engine.drop("first")
    assert not engine.drop("first")
    engine.submit("next", [[1]])
    runtime.gate.set()
    told.wait_for("next")
    assert set(told.over) == {"next"}
    assert runtime.sizes == [1, 1]


def test_a_stopped_engine_begins_no_batch(engine: EmbedEngine, runtime: Gated, told: Told) -> None:
    """The batch under way comes to its end, and nothing after it is computed."""
    engine.submit("late", [[1]] * 10)
    engine.stop()
    runtime.gate.set()
    engine.close()
    assert runtime.sizes == [1]
    assert set(told.over) == {"first"}
