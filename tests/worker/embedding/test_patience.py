"""Work that can wait: when it is computed, and by whom. On the echo runtime, without a clock."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.worker.embedding.telling import Told
from worker.embedding import engine as engine_module
from worker.embedding.engine import EmbedEngine
from worker.runtimes.echo import EchoEmbed
from worker.yielding import NICE

URGENT, PATIENT = 100, 200


class Watched(EchoEmbed):
    """An echo that waits for its gate, and notes which kind of work began, and how it may run."""

    def __init__(self, lanes: int) -> None:
        super().__init__(context=64, dimensions=8)
        self._lanes = lanes
        self._changed = threading.Condition()
        self._open = False
        self.begun: list[int] = []
        self.priorities: set[tuple[int, int]] = set()

    @property
    def lanes(self) -> int:
        """As many as the test wants."""
        return self._lanes

    def embed(self, inputs: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """As the echo does, once the gate is open."""
        priority = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
        with self._changed:
            self.begun.append(inputs[0][0])
            self.priorities.add((inputs[0][0], priority))
            self._changed.notify_all()
            assert self._changed.wait_for(lambda: self._open, 10)
        return super().embed(inputs)

    def release(self) -> None:
        """Open the gate."""
        with self._changed:
            self._open = True
            self._changed.notify_all()

    def wait_for(self, *begun: int) -> None:
        """Until just these have begun, in this order."""
        with self._changed:
            assert self._changed.wait_for(lambda: self.begun == list(begun), 10)


class Bench:
    """An engine on a watched runtime."""

    def __init__(self, lanes: int) -> None:
        self.runtime = Watched(lanes)
        self.told = Told()
        self.engine = EmbedEngine(self.runtime, self.told)
        self.engine.start()

    def urgent(self, name: str) -> None:
        """One input that somebody waits for."""
        self.engine.submit(name, [[URGENT]])

    def patient(self, name: str, inputs: int = 1) -> None:
        """Inputs that can wait."""
        self.engine.submit_patient(name, lambda: [[PATIENT]] * inputs)

    def close(self) -> None:
        """Let all of it end."""
        self.runtime.release()
        self.engine.close()


@pytest.fixture
def one() -> Iterator[Bench]:
    """On one lane."""
    bench = Bench(1)
    yield bench
    bench.close()


@pytest.fixture
def two() -> Iterator[Bench]:
    """On two lanes."""
    bench = Bench(2)
    yield bench
    bench.close()


def test_what_is_urgent_begins_beside_a_flood(one: Bench) -> None:
    """At once, though the only core is busy with the first of ten thousand patient inputs."""
    one.patient("flood", 10_000)
    one.runtime.wait_for(PATIENT)
    one.urgent("mine")
    one.runtime.wait_for(PATIENT, URGENT)


def test_patient_work_begins_when_nothing_urgent_is_left(one: Bench) -> None:
    """What came after it and waits goes first as well."""
    one.urgent("first")
    one.runtime.wait_for(URGENT)
    one.patient("patient")
    one.engine.submit("second", [[URGENT] * 60])
    one.engine.submit("third", [[URGENT] * 30])
    one.runtime.release()
    one.told.wait_for("first", "patient", "second", "third")
    assert one.runtime.begun == [URGENT, URGENT, URGENT, PATIENT]


def test_patient_work_takes_the_cores_that_are_free(two: Bench) -> None:
    """Beside one urgent batch on two cores one patient batch is computed, and no second."""
    two.urgent("urgent")
    two.runtime.wait_for(URGENT)
    two.patient("a", 1_000)
    two.runtime.wait_for(URGENT, PATIENT)
    two.urgent("another")
    two.runtime.wait_for(URGENT, PATIENT, URGENT)


def test_patient_work_alone_takes_all_cores(two: Bench) -> None:
    """Two batches of one request at the same time."""
    two.patient("a", 1_000)
    two.runtime.wait_for(PATIENT, PATIENT)


def test_only_patient_work_gives_way_to_other_threads(two: Bench) -> None:
    """Urgent work has the priority of the process."""
    two.urgent("urgent")
    two.patient("patient")
    two.runtime.release()
    two.told.wait_for("urgent", "patient")
    own = os.getpriority(os.PRIO_PROCESS, 0)
    assert two.runtime.priorities == {(URGENT, own), (PATIENT, min(own + NICE, 19))}


def test_patient_work_moves_on_after_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the core is with others, one batch begins after so long."""
    monkeypatch.setattr(engine_module, "PATIENCE_S", 0.05)
    bench = Bench(1)
    bench.urgent("urgent")
    bench.runtime.wait_for(URGENT)
    bench.patient("patient")
    bench.runtime.wait_for(URGENT, PATIENT)
    bench.close()


def test_what_cannot_be_read_fails_its_request_alone(one: Bench) -> None:
    """The lane goes on with the next."""

    def read() -> Sequence[Sequence[int]]:
        raise ValueError("not to be read")

    one.engine.submit_patient("bad", read)
    one.patient("good")
    one.runtime.release()
    one.told.wait_for("bad", "good")
    assert isinstance(one.told.over["bad"].error, ValueError)
    assert one.told.over["good"].vectors is not None


def test_a_patient_request_can_be_dropped_before_it_is_read(one: Bench) -> None:
    """It is neither computed nor told of, and a second time there is nothing to drop."""
    one.urgent("urgent")
    one.runtime.wait_for(URGENT)
    one.patient("dropped")
    assert [one.engine.drop("dropped"), one.engine.drop("dropped")] == [True, False]
    one.patient("next")
    one.runtime.release()
    one.told.wait_for("next")
    assert one.runtime.begun == [URGENT, PATIENT]


def test_a_request_that_is_over_tells_the_tokens_of_its_inputs(one: Bench) -> None:
    """In the order of the inputs, though they were computed by length."""
    one.engine.submit_patient("a", lambda: [[PATIENT] * length for length in (3, 9, 1)])
    one.runtime.release()
    one.told.wait_for("a")
    assert one.told.over["a"].tokens == (3, 9, 1)


def test_tokens_are_counted_apart(one: Bench) -> None:
    """Those of patient requests are none of those that others have to wait for."""
    one.engine.submit("a", [[URGENT] * 5])
    one.runtime.wait_for(URGENT)
    assert (one.engine.tokens(), one.engine.tokens(patient=True)) == (5, 0)
    one.runtime.release()
    one.told.wait_for("a")
    assert (one.engine.tokens(), one.engine.tokens(patient=True)) == (0, 0)
