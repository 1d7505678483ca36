"""The loop, on the echo runtime: what it tells, in which order, and when it stops."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from tasks.errors import ContextLengthExceeded
from tasks.events import Done, Event, Failed, Finished, Token, is_terminal
from tasks.jobs import Message, Sampling
from worker.engine import Engine, Request, Resume
from worker.engine.engine import Told
from worker.engine.sequence import check_fits
from worker.runtimes.base import Feed, Sampled
from worker.runtimes.echo import EchoChat
from worker.runtimes.errors import DecodeFailed, LoadFailed


class Heard:
    """What the engine told, by request."""

    def __init__(self) -> None:
        self.events: dict[str, list[Event]] = defaultdict(list)
        self._news = threading.Condition()

    def __call__(self, told: Told) -> None:
        with self._news:
            for request_id, event in told:
                self.events[request_id].append(event)
            self._news.notify_all()

    def wait(self, *request_ids: str, until: Callable[[Event], bool] = is_terminal) -> None:
        """Wait for an event of each request."""
        with self._news:
            assert self._news.wait_for(
                lambda: all(any(map(until, self.events[name])) for name in request_ids), 20
            )

    def text(self, request_id: str, index: int = 0) -> str:
        """The text told of one choice."""
        told = self.events[request_id]
        return "".join(e.text for e in told if isinstance(e, Token) and e.index == index)

    def last(self, request_id: str) -> Event:
        """The last event told."""
        return self.events[request_id][-1]


class Bench:
    """An engine on an echo runtime of 4 slots."""

    def __init__(self, tokens_per_s: float = 0) -> None:
        self.runtime = EchoChat(slots=4, context=400, tokens_per_s=tokens_per_s)
        self.heard = Heard()
        self.engine = Engine(lambda: self.runtime, self.heard)

    def request(self, name: str, text: str, **changes: Any) -> Request:
        """A request that is answered with ``text``."""
        fields: dict[str, Any] = {
            "id": name,
            "prompt": tuple(self.runtime.prompt([Message("user", text)])),
            "sampling": Sampling(),
            "seed": 1,
        }
        return Request(**(fields | changes))


@pytest.fixture
def bench() -> Iterator[Bench]:
    """A running engine."""
    bench = Bench()
    bench.engine.start()
    yield bench
    bench.engine.stop()


@pytest.fixture
def slow() -> Iterator[Bench]:
    """A running engine that draws 50 tokens a second."""
    bench = Bench(tokens_per_s=50)
    bench.engine.start()
    yield bench
    bench.engine.stop()


LONG = "one two three four five six seven eight nine ten " * 8


def test_an_answer_ends_with_its_choice_and_done(bench: Bench) -> None:
    """The last two events are the choice's end and the usage, which counts its tokens."""
    bench.engine.submit(bench.request("a", "hello there"))
    bench.heard.wait("a")
    finished, done = bench.heard.events["a"][-2:]
    assert bench.heard.text("a") == "hello there"
    assert isinstance(finished, Finished)
    assert finished.reason == "stop"
    assert isinstance(done, Done)
    assert done.usage.completion_tokens == finished.tokens > 0


def test_more_requests_than_slots_are_all_answered(bench: Bench) -> None:
    """Twenty requests on four slots get each its own text."""
    names = [f"r{i}" for i in range(20)]
    for name in names:
        bench.engine.submit(bench.request(name, f"the answer to {name} " * 3))
    bench.heard.wait(*names)
    assert {name: bench.heard.text(name) for name in names} == {
        name: f"the answer to {name} " * 3 for name in names
    }


def test_max_tokens_ends_with_length(bench: Bench) -> None:
    """After that many tokens the reason is length."""
    bench.engine.submit(bench.request("a", LONG, max_tokens=3))
    bench.heard.wait("a")
    finished = bench.heard.events["a"][-2]
    assert finished == Finished(0, "length", 3)


def test_the_context_ends_with_length(bench: Bench) -> None:
    """An answer without a limit ends where its slot's context does."""
    request = bench.request("a", LONG, ignore_eos=True)
    bench.engine.submit(request)
    bench.heard.wait("a")
    assert bench.heard.events["a"][-2] == Finished(0, "length", 400 - len(request.prompt))


def test_a_stop_string_ends_with_stop(bench: Bench) -> None:
    """The text ends before it."""
    bench.engine.submit(bench.request("a", "one two three four", stop=("three",)))
    bench.heard.wait("a")
    assert bench.heard.text("a") == "one two "
    finished = bench.heard.events["a"][-2]
    assert isinstance(finished, Finished)
    assert finished.reason == "stop"


def test_choices_are_told_by_index(bench: Bench) -> None:
    """Three choices have each their text and end; the usage counts all three."""
    bench.engine.submit(bench.request("a", "say it", n=3))
    bench.heard.wait("a")
    assert [bench.heard.text("a", i) for i in range(3)] == ["say it"] * 3
    ends = [event for event in bench.heard.events["a"] if isinstance(event, Finished)]
    done = bench.heard.last("a")
    assert {end.index for end in ends} == {0, 1, 2}
    assert isinstance(done, Done)
    assert done.usage.completion_tokens == sum(end.tokens for end in ends)


def test_a_resumed_answer_continues_without_a_repeat(slow: Bench) -> None:
    """A second engine that gets the first one's tokens tells the rest, and the usage of both."""
    slow.engine.submit(slow.request("a", LONG))
    slow.heard.wait("a", until=lambda e: isinstance(e, Token) and len(slow.heard.text("a")) > 60)
    slow.engine.stop()
    told = slow.heard.text("a")
    ids = tuple(i for e in slow.heard.events["a"] if isinstance(e, Token) for i in e.ids)
    heir = Bench()
    heir.engine.start()
    heir.engine.submit(heir.request("a", LONG, resume={0: Resume(ids)}))
    heir.heard.wait("a")
    heir.engine.stop()
    assert told + heir.heard.text("a") == LONG
    done = heir.heard.last("a")
    assert isinstance(done, Done)
    assert done.usage.completion_tokens > len(ids)


def test_a_choice_that_had_ended_is_not_run_again(bench: Bench) -> None:
    """Only the open choice of two is told; the usage counts both."""
    ended = Resume((1, 2), Finished(0, "length", 2))
    bench.engine.submit(bench.request("a", "word", n=2, resume={0: ended}))
    bench.heard.wait("a")
    assert bench.heard.text("a", 0) == ""
    assert bench.heard.text("a", 1) == "word"


def test_a_request_whose_choices_had_all_ended_is_done(bench: Bench) -> None:
    """When the attempt before died between the last choice's end and ``Done``."""
    ended = Resume((1, 2), Finished(0, "length", 2))
    bench.engine.submit(bench.request("a", "word", resume={0: ended}))
    bench.heard.wait("a")
    assert [type(event) for event in bench.heard.events["a"]] == [Done]


def test_cancelling_frees_the_slot_within_a_step(slow: Bench) -> None:
    """The request fails as cancelled and its slot is free at once."""
    slow.engine.submit(slow.request("a", LONG))
    slow.heard.wait("a", until=lambda e: isinstance(e, Token))
    asked = time.monotonic()
    slow.engine.cancel("a")
    slow.heard.wait("a")
    last = slow.heard.last("a")
    assert isinstance(last, Failed)
    assert last.code == "job_cancelled"
    assert time.monotonic() - asked < 0.5
    assert slow.engine.busy_slots == {}


def test_cancelling_a_waiting_request_never_opens_a_slot(slow: Bench) -> None:
    """It ends without a token."""
    for name in "abcd":
        slow.engine.submit(slow.request(name, LONG))
    slow.engine.submit(slow.request("e", LONG))
    slow.engine.cancel("e")
    slow.heard.wait("e")
    assert [type(event) for event in slow.heard.events["e"]] == [Failed]


def test_stopping_tells_nothing(slow: Bench) -> None:
    """What ran is dropped without an end: another attempt continues it."""
    slow.engine.submit(slow.request("a", LONG))
    slow.heard.wait("a", until=lambda e: isinstance(e, Token))
    slow.engine.stop()
    assert not any(map(is_terminal, slow.heard.events["a"]))


class FailsOnce(EchoChat):
    """An echo whose first batch cannot be computed."""

    failed = False

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        if not self.failed:
            self.failed = True
            raise DecodeFailed("no room")
        return super().decode(feeds)


def test_a_failed_batch_fails_its_requests_and_no_others() -> None:
    """Requests of later batches are answered."""
    bench = Bench()
    runtime = FailsOnce(slots=4, context=400, tokens_per_s=0)
    engine = Engine(lambda: runtime, bench.heard)
    engine.start()
    engine.submit(bench.request("a", "first"))
    bench.heard.wait("a")
    engine.submit(bench.request("b", "second"))
    bench.heard.wait("b")
    engine.stop()
    last = bench.heard.last("a")
    assert isinstance(last, Failed)
    assert last.code == "model_error"
    assert bench.heard.text("b") == "second"


@pytest.mark.parametrize(("prompt", "answer"), [(400, None), (300, 101)])
def test_what_cannot_fit_is_refused_with_the_counts(prompt: int, answer: int | None) -> None:
    """The message names both numbers and the context."""
    with pytest.raises(ContextLengthExceeded, match=f"{prompt} tokens.*400 tokens"):
        check_fits(prompt, answer, 400)


def test_a_model_that_does_not_load_is_raised_by_start() -> None:
    """The loading runs in the loop's thread, and its error comes out."""

    def load() -> EchoChat:
        raise LoadFailed("no such file")

    with pytest.raises(LoadFailed, match="no such file"):
        Engine(load, Heard()).start()


def test_what_the_runtime_refuses_fails_that_request_alone(bench: Bench) -> None:
    """Sampling beyond the runtime's ranges is an error of its request; others are answered."""
    bench.engine.submit(bench.request("a", "x", sampling=Sampling(temperature=-1)))
    bench.engine.submit(bench.request("b", "answered"))
    bench.heard.wait("a", "b")
    last = bench.heard.last("a")
    assert isinstance(last, Failed)
    assert last.code == "invalid_value"
    assert bench.heard.text("b") == "answered"
