"""What is seen of the slots while the loop runs."""

from __future__ import annotations

import threading
import time

from tasks.events import Done
from tasks.jobs import Message, Sampling
from worker.engine import Engine, Request
from worker.engine.engine import Told
from worker.engine.view import SlotView
from worker.runtimes.echo import EchoChat


def test_a_slot_tells_of_its_request_and_then_of_what_it_holds() -> None:
    """Running: prompt, what was drawn, and the place in the context; idle: the memory alone."""
    over = threading.Event()

    def tell(told: Told) -> None:
        if any(isinstance(event, Done) for _, event in told):
            over.set()

    engine = Engine(lambda: EchoChat(slots=2, context=128, tokens_per_s=50), tell)
    engine.start()
    assert engine.slots() == [SlotView(0, 0), SlotView(1, 0)]
    prompt = tuple(engine.runtime.prompt([Message("user", "one two three four five six seven")]))
    engine.submit(Request(id="r", prompts=(prompt,), sampling=Sampling(), seed=1, max_tokens=12))
    give_up_at = time.monotonic() + 5
    while not any(each.generated > 3 for each in engine.slots()):
        assert time.monotonic() < give_up_at
    [running] = [each for each in engine.slots() if each.request]
    assert (running.request, running.prompt, running.generating) == ("r", len(prompt), True)
    assert len(prompt) + running.generated - 2 <= running.held <= len(prompt) + running.generated
    assert over.wait(5)
    [left] = [each for each in engine.slots() if each.held]
    assert left == SlotView(running.slot, left.held)
    assert left.held > len(prompt)
    engine.close()
