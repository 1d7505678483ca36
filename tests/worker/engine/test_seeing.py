"""A real model that sees, in the engine: alone, beside texts, from memory, and after a stop.

SmolLM2-135M with a tower that knows plain shapes (``scripts.vision``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tasks.events import Done, Token
from tasks.jobs import ChatJob, Sampling
from tests.worker.engine.bench import Heard
from tests.worker.runtimes.default_models import SMOLLM2
from tests.worker.runtimes.drawings import TINY_MMPROJ, message, square
from worker.asking import Asker
from worker.engine import Engine
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import resolve

THINGS = ("water", "stone", "wind", "fire", "bread", "mills", "grain")


class Room:
    """An engine with eight slots, and what it told."""

    def __init__(self, model: Path) -> None:
        from worker.runtimes.llama import LlamaRuntime

        def load() -> LlamaRuntime:
            return LlamaRuntime(model, slots=8, context=384, mmproj=TINY_MMPROJ)

        self.heard = Heard()
        self.engine = Engine(load, self.heard)
        self.engine.start()
        self._asker = Asker(self.engine.runtime)
        self._count = 0

    def ask(self, text: str, *files: bytes, past: Sequence[Token] = (), **job: object) -> str:
        """Submit a greedy request; its id."""
        self._count += 1
        made = ChatJob(
            id=f"r{self._count}",
            model="m",
            messages=(message(text, *files),),
            sampling=Sampling(temperature=0),
            **({"max_tokens": 16} | job),  # type: ignore[arg-type]
        )
        self.engine.submit(self._asker.request(made, past))
        return made.id

    def answers(self, *names: str) -> list[str]:
        """The texts of requests, when all are over."""
        self.heard.wait(*names)
        return [self.heard.text(name) for name in names]

    def cached(self, name: str) -> int:
        """Tokens of a request that were in memory."""
        done = self.heard.last(name)
        assert isinstance(done, Done)
        return done.usage.cached_tokens

    def tokens(self, name: str) -> list[Token]:
        """What was told of an answer."""
        return [event for event in self.heard.events[name] if isinstance(event, Token)]


@pytest.fixture(scope="module")
def room() -> Iterator[Room]:
    """The engine, loaded once."""
    pytest.importorskip("llama_cpp")
    try:
        model = resolve(SMOLLM2)
    except LoadFailed as error:
        pytest.skip(str(error))
    room = Room(model)
    yield room
    room.engine.close()


def test_a_picture_is_told_of(room: Room) -> None:
    """The answer names its colour, also where words stand before and after the picture."""
    first = room.ask("@ What color is this?", square("green"))
    second = room.ask("Look at this: @ and say which color it is.", square("orange"))
    about_green, about_orange = room.answers(first, second)
    assert "green" in about_green
    assert "orange" in about_orange


def test_texts_beside_a_picture_are_what_they_are_without(room: Room) -> None:
    """Seven texts and a picture in the same batches: eight answers as alone."""
    alone = room.answers(
        *[room.ask(f"Tell me about {each}.", cache_prompt=False) for each in THINGS]
    )
    (seen,) = room.answers(room.ask("@ What color is this?", square("purple"), cache_prompt=False))
    names = [room.ask(f"Tell me about {each}.", cache_prompt=False) for each in THINGS]
    names.insert(3, room.ask("@ What color is this?", square("purple"), cache_prompt=False))
    beside = room.answers(*names)
    assert beside.pop(3) == seen
    assert beside == alone


def test_the_same_picture_is_taken_from_memory(room: Room) -> None:
    """All of the prompt but its last token; of another picture only the text before it."""
    asked = "@ What is in the picture?"
    first = room.ask(asked, square("yellow"))
    answer = room.answers(first)
    again = room.ask(asked, square("yellow"))
    assert room.answers(again) == answer
    done = room.heard.last(again)
    assert isinstance(done, Done)
    assert done.usage.cached_tokens == done.usage.prompt_tokens - 1
    other = room.ask(asked, square("yellow", 200, 200))
    room.answers(other)
    prompt = room.engine.runtime.prompt([message(asked, square("yellow"))])
    assert room.cached(other) == next(at for at, token in enumerate(prompt) if token < 0)


def test_an_answer_about_a_picture_is_taken_up(room: Room) -> None:
    """From its middle, as after the death of its worker: the whole is what it would have been."""
    whole = room.ask("@ Describe the picture.", square("red"))
    (text,) = room.answers(whole)
    told = room.tokens(whole)
    half = told[: len(told) // 2]
    rest = room.ask("@ Describe the picture.", square("red"), past=half)
    assert "".join(event.text for event in half) + room.answers(rest)[0] == text


def test_two_pictures_are_told_apart(room: Room) -> None:
    """Which stands first decides."""
    files = square("blue"), square("white")
    asked = "First: @ Second: @ Which colors are these?"
    one = room.ask(asked, *files, max_tokens=40)
    other = room.ask(asked, *files[::-1], max_tokens=40)
    assert len(set(room.answers(one, other))) == 2
    done = room.heard.last(one)
    assert isinstance(done, Done)
    assert done.usage.prompt_tokens > 2 * 16


def test_slots_that_saw_something_answer_texts(room: Room) -> None:
    """Pictures in all eight slots leave no trace in what is asked next."""
    before = room.answers(room.ask("Tell me about rivers.", cache_prompt=False))
    colours = ("red", "green", "blue", "yellow", "orange", "purple", "black", "white")
    room.answers(*[room.ask("@ What color is this?", square(each)) for each in colours])
    names = [room.ask("Tell me about rivers.", cache_prompt=False) for _ in colours]
    assert room.answers(*names) == before * 8
