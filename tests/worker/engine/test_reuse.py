"""Memory that is used again: what is cached, forked and copied, seen through the engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from tasks.events import Done, Finished
from tests.worker.engine.bench import Bench
from worker.runtimes.base import Feed, Sampled
from worker.runtimes.echo import EchoChat

PREAMBLE = "You are the keeper of an old mill by the river, and you answer every question. " * 2


class Counting(EchoChat):
    """An echo that counts what it was fed."""

    fed = 0

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        self.fed += sum(len(feed.tokens) for feed in feeds)
        return super().decode(feeds)


@pytest.fixture
def counted() -> Iterator[tuple[Bench, Counting]]:
    """An engine on a counting echo."""
    runtime = Counting(slots=4, context=400)
    bench = Bench(runtime=runtime)
    bench.engine.start()
    yield bench, runtime
    bench.engine.stop()


def _cached(bench: Bench, name: str) -> int:
    done = bench.heard.last(name)
    assert isinstance(done, Done)
    return done.usage.cached_tokens


def test_a_second_turn_finds_the_first_in_memory(counted: tuple[Bench, Counting]) -> None:
    """Of the same prompt asked again all but the last token is cached, and counted as such."""
    bench, runtime = counted
    for name in ("a", "b"):
        bench.engine.submit(bench.request(name, PREAMBLE))
        bench.heard.wait(name)
    prompt = len(bench.request("c", PREAMBLE).prompts[0])
    assert (_cached(bench, "a"), _cached(bench, "b")) == (0, prompt - 1)
    assert bench.heard.text("b") == PREAMBLE
    answer = bench.heard.events["b"][-2]
    assert isinstance(answer, Finished)
    assert runtime.fed == prompt + 1 + 2 * answer.tokens


def test_cache_prompt_false_computes_everything(counted: tuple[Bench, Counting]) -> None:
    """Nothing is cached, though the memory would have it."""
    bench, _ = counted
    for name in ("a", "b"):
        bench.engine.submit(bench.request(name, PREAMBLE, cache_prompt=False))
        bench.heard.wait(name)
    assert _cached(bench, "b") == 0
    assert bench.heard.text("b") == PREAMBLE


def test_a_shared_beginning_is_computed_once(counted: tuple[Bench, Counting]) -> None:
    """Of four requests at once with a common beginning, three wait for it and copy it."""
    bench, _ = counted
    names = ["a", "b", "c", "d"]
    for name in names:
        bench.engine.submit(bench.request(name, PREAMBLE + name * 9))
    bench.heard.wait(*names)
    cached = sorted(_cached(bench, name) for name in names)
    assert cached[0] == 0
    assert all(count >= len(PREAMBLE) // 3 for count in cached[1:])
    assert all(bench.heard.text(name) == PREAMBLE + name * 9 for name in names)


def test_choices_share_their_prompt(counted: tuple[Bench, Counting]) -> None:
    """Four choices cost one prompt, also where caching is off; the usage counts it once."""
    bench, runtime = counted
    bench.engine.submit(bench.request("a", PREAMBLE, n=4, cache_prompt=False))
    bench.heard.wait("a")
    assert [bench.heard.text("a", i) for i in range(4)] == [PREAMBLE] * 4
    done = bench.heard.last("a")
    assert isinstance(done, Done)
    prompt = len(bench.request("b", PREAMBLE).prompts[0])
    assert done.usage.prompt_tokens == prompt
    assert done.usage.cached_tokens == 0
    assert runtime.fed == prompt + 3 + done.usage.completion_tokens


def test_a_failed_batch_leaves_no_memory_behind(counted: tuple[Bench, Counting]) -> None:
    """What may be half computed is not used by the next request."""
    bench, runtime = counted
    real = runtime.decode
    runtime.decode = lambda feeds: 1 / 0  # type: ignore[method-assign,assignment,return-value]
    bench.engine.submit(bench.request("a", PREAMBLE))
    bench.heard.wait("a")
    runtime.decode = real  # type: ignore[method-assign]
    bench.engine.submit(bench.request("b", PREAMBLE))
    bench.heard.wait("b")
    assert _cached(bench, "b") == 0
    assert bench.heard.text("b") == PREAMBLE
