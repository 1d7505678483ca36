"""What the loop counts, against what it told."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tasks.events import Done, Finished, Token
from tests.worker.engine.bench import Bench
from worker.engine.meter import Meter
from worker.engine.request import Resume


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A running engine."""
    bench = Bench()
    bench.engine.start()
    yield bench
    bench.engine.stop()


def usage(bench: Bench, *names: str) -> tuple[int, int]:
    """Prompt and completion tokens of these answers, as clients are told."""
    bench.heard.wait(*names)
    ends = [bench.heard.events[name][-1] for name in names]
    told = [end.usage for end in ends if isinstance(end, Done)]
    assert len(told) == len(names)
    return sum(each.prompt_tokens for each in told), sum(each.completion_tokens for each in told)


def test_its_tokens_are_those_of_the_answers(bench: Bench) -> None:
    """Of several answers at once, and of several choices of one prompt, which counts once."""
    bench.engine.submit(bench.request("a", "one two three"))
    bench.engine.submit(bench.request("b", "four five", n=2))
    prompt, completion = usage(bench, "a", "b")
    meter = bench.engine.meter
    assert (meter.prompt_tokens, meter.generated) == (prompt, completion)
    assert meter.answers == {"stop": 3}


def test_a_continuation_counts_only_what_it_draws(bench: Bench) -> None:
    """Neither the prompt nor the tokens of the earlier attempt again."""
    bench.engine.submit(bench.request("a", "one two three four"))
    bench.heard.wait("a")
    told = bench.heard.events["a"]
    ids = [token for event in told if isinstance(event, Token) for token in event.ids]
    meter = bench.engine.meter
    before = (meter.prompt_tokens, meter.generated)
    resume = {0: Resume(tuple(ids[:2]))}
    bench.engine.submit(bench.request("b", "one two three four", resume=resume))
    bench.heard.wait("b")
    assert meter.prompt_tokens == before[0]
    assert meter.generated == before[1] + len(ids) - 2


def test_what_a_memory_had_is_a_hit(bench: Bench) -> None:
    """The second of two equal prompts finds all but its last token, as its usage says."""
    for name in ("a", "b"):
        bench.engine.submit(bench.request(name, "one two three four five six seven " * 4))
        bench.heard.wait(name)
    done = bench.heard.events["b"][-1]
    assert isinstance(done, Done)
    meter = bench.engine.meter
    assert meter.found == done.usage.cached_tokens > 0
    assert meter.looked_for == 2 * done.usage.prompt_tokens


def test_an_answer_has_one_gap_less_than_steps_that_drew(bench: Bench) -> None:
    """The first token ends the prefill; every later one, the end's too, waited for a step."""
    bench.engine.submit(bench.request("a", "one two three four five"))
    bench.heard.wait("a")
    finished = bench.heard.events["a"][-2]
    assert isinstance(finished, Finished)
    meter = bench.engine.meter
    assert sum(meter.gap_s.counts) == finished.tokens
    assert meter.gap_s.sum <= meter.step_s.sum + 1


def test_counting_costs_a_step_a_few_microseconds() -> None:
    """A step of the smallest model takes 5 ms: less than 1% of it, with room for a slow machine."""
    meter = Meter()
    best_s = 1.0
    for _ in range(20):
        began_s = time.perf_counter()
        for number in range(1_000):
            meter.stepped(8, 8, number * 0.005, number * 0.005 + 0.004)
        best_s = min(best_s, (time.perf_counter() - began_s) / 1_000)
    assert best_s < 50e-6 / 2
