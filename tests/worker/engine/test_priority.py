"""Whose prompt is fed first, and who waits for whose, by priority. On the echo runtime."""

from __future__ import annotations

import pytest

from tasks.jobs import Message, Priority, Sampling
from worker.engine.line import AGEING_S
from worker.engine.request import Request
from worker.engine.sequence import Sequence
from worker.engine.slots import Slots
from worker.engine.step import Step
from worker.runtimes.echo import EchoChat

LONG = "all about the old mill by the river " * 3


class Bench:
    """Slots whose prompts are all still to be fed."""

    def __init__(self) -> None:
        self._runtime = EchoChat(slots=4, context=400)
        self.slots = Slots(self._runtime)
        self._step = Step(self._runtime, self.slots)

    def sequence(self, text: str, priority: Priority) -> Sequence:
        """One that waits."""
        prompt = tuple(self._runtime.prompt([Message("user", text)]))
        request = Request(text, (prompt,), Sampling(), 1, priority=priority)
        return Sequence(request, 0, self._runtime.context)

    def enter(self, text: str, priority: Priority) -> Sequence:
        """One that has a slot from now on."""
        sequence = self.sequence(text, priority)
        self.slots.enter(sequence)
        return sequence

    def fed(self) -> list[int]:
        """The slots that the next step feeds: that of the prompt whose turn it is."""
        self._step.run()
        return self._step.fed


@pytest.fixture
def bench() -> Bench:
    """On an echo of four slots."""
    return Bench()


def test_a_batch_prompt_lets_others_pass(bench: Bench) -> None:
    """One that somebody waits for is fed before it, though it came later."""
    bench.enter("batch", Priority.BATCH)
    mine = bench.enter("mine", Priority.INTERACTIVE)
    assert bench.fed() == [mine.slot]


def test_prompts_of_one_priority_are_fed_in_turn(bench: Bench) -> None:
    """The one that came first goes first."""
    first = bench.enter("first", Priority.BATCH)
    bench.enter("second", Priority.BATCH)
    assert bench.fed() == [first.slot]


def test_a_batch_prompt_is_not_passed_for_ever(bench: Bench) -> None:
    """After as many seconds as its priority is worth it goes first."""
    batch = bench.enter("batch", Priority.BATCH)
    batch.clock.began_s -= AGEING_S * Priority.BATCH + 1
    bench.enter("mine", Priority.INTERACTIVE)
    assert bench.fed() == [batch.slot]


def test_nobody_waits_for_what_a_batch_computes(bench: Bench) -> None:
    """A prompt that begins like a batch's begins at once; another of the batch waits to copy."""
    bench.enter(LONG + "one", Priority.BATCH)
    assert bench.slots.ready(bench.sequence(LONG + "two", Priority.INTERACTIVE))
    assert not bench.slots.ready(bench.sequence(LONG + "two", Priority.BATCH))


def test_a_batch_waits_for_what_others_compute(bench: Bench) -> None:
    """What it can copy from one that goes before it, it does not compute itself."""
    bench.enter(LONG + "one", Priority.INTERACTIVE)
    assert not bench.slots.ready(bench.sequence(LONG + "two", Priority.BATCH))
