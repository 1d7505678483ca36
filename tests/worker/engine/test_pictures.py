"""Pictures in prompts, seen through the engine on an echo that sees."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest

from tasks.events import Done, Failed, Token
from tasks.jobs import ChatJob
from tests.worker.engine.bench import Bench
from tests.worker.runtimes.drawings import message, noise
from worker.asking import Asker
from worker.engine import Request
from worker.engine.sequence import Sequence as Choice
from worker.engine.slots import Slots
from worker.engine.step import Step
from worker.runtimes.base import Feed, Sampled
from worker.runtimes.echo import EchoChat
from worker.runtimes.echo_pictures import COUNT, name
from worker.runtimes.errors import DecodeFailed
from worker.runtimes.positions import digest_of, picture_of

ONE, OTHER = noise(1), noise(2)
TALE = "In the old mill by the river the wheel turns day and night, and it never stops at all. " * 2


class Watched(EchoChat):
    """An echo that notes what it is fed, and cannot encode the picture ``broken``."""

    broken: int | None = None
    encoding_s = 0.0

    def __init__(self, tokens_per_s: float = 0, slots: int = 4) -> None:
        super().__init__(slots=slots, context=400, tokens_per_s=tokens_per_s, sees=True)
        self.steps: list[list[Feed]] = []

    def decode(self, feeds: Sequence[Feed]) -> list[Sampled]:
        self.steps.append(list(feeds))
        for feed in feeds:
            if feed.tokens[0] < 0:
                time.sleep(self.encoding_s)
                if picture_of(feed.tokens[0]) == self.broken:
                    raise DecodeFailed("it is broken", slots=(feed.slot,))
        return super().decode(feeds)

    @property
    def pictures_fed(self) -> list[int]:
        """Feeds of pictures in each step that had any."""
        counts = [sum(feed.tokens[0] < 0 for feed in feeds) for feeds in self.steps]
        return [count for count in counts if count]


@pytest.fixture
def watched() -> Iterator[tuple[Bench, Watched]]:
    """A running engine on a watched echo."""
    runtime = Watched()
    bench = Bench(runtime=runtime)
    bench.engine.start()
    yield bench, runtime
    bench.engine.stop()


def asked(
    bench: Bench, job_id: str, text: str, *files: bytes, past: Sequence[Token] = (), **job: object
) -> Request:
    """The request of a message with images wherever its text has ``@``."""
    said = (message(text, *files),)
    made = ChatJob(id=job_id, model="m", messages=said, **job)  # type: ignore[arg-type]
    return Asker(bench.runtime).request(made, past)


def named(data: bytes) -> str:
    """What the echo calls a picture."""
    return name(digest_of(data))


def done(bench: Bench, job_id: str) -> Done:
    """The last event of a request that went well."""
    last = bench.heard.last(job_id)
    assert isinstance(last, Done)
    return last


def test_pictures_are_seen_in_their_places(watched: tuple[Bench, Watched]) -> None:
    """Between the words before and after them, in order; each position is counted."""
    bench, _ = watched
    request = asked(bench, "a", "one @ two @@", ONE, OTHER, ONE)
    bench.engine.submit(request)
    bench.heard.wait("a")
    assert bench.heard.text("a") == f"one {named(ONE)} two {named(OTHER)}{named(ONE)}"
    assert done(bench, "a").usage.prompt_tokens == len(request.prompts[0]) > 3 * COUNT


def test_pictures_and_texts_are_answered_together(watched: tuple[Bench, Watched]) -> None:
    """Of twenty requests on four slots, every other one with a picture, each gets its own."""
    bench, _ = watched
    texts = {f"r{i}": f"the answer to number {i} is @"[: None if i % 2 else -1] for i in range(20)}
    for job_id, text in texts.items():
        files = [noise(int(job_id[1:]))] if "@" in text else []
        bench.engine.submit(asked(bench, job_id, text, *files))
    bench.heard.wait(*texts)
    for job_id, text in texts.items():
        expected = text.replace("@", named(noise(int(job_id[1:]))))
        assert bench.heard.text(job_id) == expected


def test_a_picture_asked_about_again_is_in_memory(watched: tuple[Bench, Watched]) -> None:
    """All of an equal prompt but its last token; of another picture only what stands before it."""
    bench, _ = watched
    for job_id, data in (("a", ONE), ("b", ONE), ("c", OTHER)):
        bench.engine.submit(asked(bench, job_id, TALE + "@ What is it?", data))
        bench.heard.wait(job_id)
    prompt = asked(bench, "d", TALE + "@ What is it?", ONE).prompts[0]
    before = next(place for place, token in enumerate(prompt) if token < 0)
    cached = [done(bench, job_id).usage.cached_tokens for job_id in "abc"]
    assert cached == [0, len(prompt) - 1, before]
    assert named(OTHER) in bench.heard.text("c")


def test_choices_share_their_pictures(watched: tuple[Bench, Watched]) -> None:
    """Four choices cost one prompt, and hardly more than its pictures are fed."""
    bench, runtime = watched
    request = asked(bench, "a", TALE + "@@@@", ONE, OTHER, noise(3), noise(4), n=4)
    bench.engine.submit(request)
    bench.heard.wait("a")
    answer = TALE + "".join(map(named, (ONE, OTHER, noise(3), noise(4))))
    assert {bench.heard.text("a", i) for i in range(4)} == {answer}
    assert done(bench, "a").usage.prompt_tokens == len(request.prompts[0])
    seen = [len(f.tokens) for feeds in runtime.steps for f in feeds if f.tokens[0] < 0]
    assert sum(seen) < 3 * 4 * COUNT


def test_an_answer_about_a_picture_goes_on_where_it_stopped() -> None:
    """In another process, from any point of it, to the same end."""
    texts: list[str] = []
    tokens: list[list[Token]] = []
    for cut in (0, 3, 9):
        bench = Bench(runtime=Watched(slots=1))
        bench.engine.start()
        past = tokens[0][:cut] if tokens else []
        bench.engine.submit(asked(bench, "a", "I see @ and water", ONE, past=past))
        bench.heard.wait("a")
        bench.engine.stop()
        tokens.append([e for e in bench.heard.events["a"] if isinstance(e, Token)])
        texts.append("".join(event.text for event in [*past, *tokens[-1]]))
    assert texts == [f"I see {named(ONE)} and water"] * 3


def test_a_step_has_one_picture_at_most() -> None:
    """Each is encoded first, and everybody waits for that; running answers advance meanwhile."""
    runtime = Watched(tokens_per_s=200)
    bench = Bench(runtime=runtime)
    bench.engine.start()
    bench.engine.submit(asked(bench, "long", TALE * 2))
    bench.heard.wait("long", until=lambda event: isinstance(event, Token))
    begun = len(runtime.steps)
    for number in range(3):
        bench.engine.submit(asked(bench, f"r{number}", "@@ is", noise(number), noise(9 + number)))
    bench.heard.wait("r0", "r1", "r2", "long")
    bench.engine.stop()
    assert runtime.pictures_fed == [1] * 6
    seeing = [feeds for feeds in runtime.steps[begun:] if any(f.tokens[0] < 0 for f in feeds)]
    assert all(any(len(feed.tokens) == 1 for feed in feeds) for feeds in seeing)


def test_a_picture_that_fails_fails_its_request_alone() -> None:
    """The text that was in the same step is answered as if nothing had been."""
    runtime = Watched(tokens_per_s=100)
    runtime.broken = digest_of(ONE)
    bench = Bench(runtime=runtime)
    bench.engine.start()
    bench.engine.submit(asked(bench, "text", TALE))
    bench.heard.wait("text", until=lambda event: isinstance(event, Token))
    bench.engine.submit(asked(bench, "seeing", "@", ONE))
    bench.heard.wait("text", "seeing")
    runtime.broken = None
    bench.engine.submit(asked(bench, "again", "@", ONE))
    bench.heard.wait("again")
    bench.engine.stop()
    failed = bench.heard.last("seeing")
    assert isinstance(failed, Failed)
    assert failed.code == "model_error"
    assert bench.heard.text("text") == TALE
    assert bench.heard.text("again") == named(ONE)
    assert done(bench, "again").usage.cached_tokens == 0


def test_encoding_says_nothing_of_what_a_token_costs() -> None:
    """After a slow picture the prompts are fed in pieces as large as before."""
    runtime = Watched()
    runtime.encoding_s = 0.1
    slots = Slots(runtime)
    step = Step(runtime, slots)
    slots.enter(Choice(asked(Bench(runtime=runtime), "a", "@ and then?", ONE), 0, runtime.context))
    while not next(iter(slots)).generating:
        step.run()
    assert sum(runtime.pictures_fed) == 1
    assert step._pace.token_ms is not None
    assert step._pace.token_ms < 5
