"""The loop, on the echo runtime: what it tells, in which order, and when it stops."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from tasks.errors import ContextLengthExceeded, InvalidJob
from tasks.events import Done, Failed, Finished, Token, is_terminal
from tasks.jobs import Sampling
from tests.worker.engine.bench import Bench, Heard
from worker.engine import Engine, Resume
from worker.engine.request import check_fits
from worker.runtimes.base import Feed, Sampled
from worker.runtimes.echo import EchoChat
from worker.runtimes.errors import DecodeFailed, LoadFailed


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
    assert bench.heard.events["a"][-2] == Finished(0, "length", 400 - len(request.prompts[0]))


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


def test_a_deadline_ends_a_running_answer(slow: Bench) -> None:
    """Within a step of its deadline the request fails with its own code, and the slot is free."""
    slow.engine.submit(slow.request("a", LONG, deadline_s=time.monotonic() + 0.3))
    slow.heard.wait("a")
    last = slow.heard.last("a")
    assert isinstance(last, Failed)
    assert last.code == "deadline_exceeded"
    assert slow.heard.text("a")
    assert slow.engine.busy_slots == {}


def test_a_deadline_that_has_passed_costs_no_slot(bench: Bench) -> None:
    """Nothing is computed for a request that nobody waits for any more."""
    bench.engine.submit(bench.request("a", LONG, deadline_s=time.monotonic() - 1))
    bench.heard.wait("a")
    assert [type(event) for event in bench.heard.events["a"]] == [Failed]


def test_more_choices_than_slots_are_refused(bench: Bench) -> None:
    """They could never begin together."""
    with pytest.raises(InvalidJob, match="at most 4"):
        bench.engine.submit(bench.request("a", "x", n=5))


class Faulty(EchoChat):
    """An echo with a slot that computes no numbers."""

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        drawn = super().decode(feeds)
        return [Sampled(each.slot, -1, fault="NaN") if each.slot == 1 else each for each in drawn]


def test_a_fault_in_one_slot_ends_that_answer_only() -> None:
    """Its neighbours in the same batch go on."""
    bench = Bench(runtime=Faulty(slots=3, context=400))
    bench.engine.start()
    for name in "abc":
        bench.engine.submit(bench.request(name, f"the answer to {name}"))
    bench.heard.wait(*"abc")
    bench.engine.stop()
    failed = [name for name in "abc" if isinstance(bench.heard.last(name), Failed)]
    assert len(failed) == 1
    assert all(
        bench.heard.text(name) == f"the answer to {name}" for name in "abc" if name not in failed
    )


def test_guesses_change_the_speed_and_not_the_answer() -> None:
    """A text that repeats itself is drawn in fewer steps; the timings count what held."""
    plain, guessing = Bench(), Bench(runtime=EchoChat(slots=4, context=400, guesses=6))
    for bench in (plain, guessing):
        bench.engine.start()
        bench.engine.submit(bench.request("a", LONG))
        bench.heard.wait("a")
        bench.engine.stop()
    assert guessing.heard.text("a") == plain.heard.text("a") == LONG
    done = guessing.heard.last("a")
    assert isinstance(done, Done)
    assert done.timings is not None
    assert done.timings.draft_n >= done.timings.draft_accepted_n > 30


def test_an_echo_comes_before_the_answer(bench: Bench) -> None:
    """The prompt's text is told first, without token ids: no attempt continues from it."""
    bench.engine.submit(bench.request("a", "hello", echo=("the prompt",)))
    bench.heard.wait("a")
    first = bench.heard.events["a"][0]
    assert first == Token(0, (), "the prompt")
    assert bench.heard.text("a") == "the prompthello"


def test_an_echo_alone_draws_nothing(bench: Bench) -> None:
    """With ``max_tokens`` 0 the echo is the answer, with the likelihood of each token."""
    request = bench.request("a", "hello", echo=("the prompt",), max_tokens=0, top_logprobs=1)
    bench.engine.submit(request)
    bench.heard.wait("a")
    told, finished, _ = bench.heard.events["a"]
    assert isinstance(told, Token)
    assert len(told.logprobs) == len(request.prompts[0])
    assert told.logprobs[0].logprob is None
    assert finished == Finished(0, "length", 0)


def test_a_resumed_answer_has_no_second_echo(bench: Bench) -> None:
    """An attempt that logged the echo is continued behind it."""
    request = bench.request("a", "hello", echo=("the prompt",), resume={0: Resume()})
    bench.engine.submit(request)
    bench.heard.wait("a")
    assert bench.heard.text("a") == "hello"


def test_every_prompt_of_a_request_is_answered(bench: Bench) -> None:
    """Six prompts on four slots: choice i answers prompt i, and the usage adds them up."""
    texts = [f"prompt number {i}" for i in range(6)]
    prompts = tuple(bench.request("x", text).prompts[0] for text in texts)
    bench.engine.submit(bench.request("a", "", prompts=prompts))
    bench.heard.wait("a")
    assert [bench.heard.text("a", i) for i in range(6)] == texts
    done = bench.heard.last("a")
    assert isinstance(done, Done)
    assert done.usage.prompt_tokens == sum(map(len, prompts))
