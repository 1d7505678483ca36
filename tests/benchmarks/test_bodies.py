"""What is asked: alike where it must be, new where memory would help."""

from __future__ import annotations

import json

from benchmarks.bodies import chat_bodies, intruder_body, shared_bodies
from benchmarks.prompts import new_texts


def test_speed_is_asked_for_without_memory_of_prompts() -> None:
    """Of every server, and for exactly so many tokens."""
    asked = [json.loads(body) for body in chat_bodies(16)]
    assert len(asked) == 16
    assert {(each["cache_prompt"], each["ignore_eos"], each["max_tokens"]) for each in asked} == {
        (False, True, 64)
    }


def test_a_preamble_is_shared_by_its_requests_and_by_no_others() -> None:
    """The last sentences differ; another burst shares not even the first words."""
    bursts = [[json.loads(body)["messages"] for body in shared_bodies()] for _ in range(2)]
    preambles = [{messages[0]["content"] for messages in burst} for burst in bursts]
    assert [len(found) for found in preambles] == [1, 1]
    first, second = (found.pop().split()[:8] for found in preambles)
    assert first != second
    assert len({messages[-1]["content"] for messages in bursts[0]}) == len(bursts[0])


def test_long_prompts_and_texts_are_new_every_time() -> None:
    """Nothing computed earlier helps with them."""
    assert intruder_body() != intruder_body()
    assert not set(new_texts(50)) & set(new_texts(50))
