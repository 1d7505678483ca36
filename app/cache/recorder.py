"""Listens to a job while its answer is relayed, and keeps what it came to.

Whoever relays the answer feeds the recorder each event before it renders it. Nothing is kept of an
answer that did not end, or not well, or that something else computed than was looked for: between
the look and the job's end another worker may have taken over, with another file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from app.cache.entries import Answer, Vector, write_answer, write_vector
from app.cache.policy import keeps
from tasks.events import (
    CallDelta,
    Done,
    Event,
    Failed,
    Finished,
    Started,
    Token,
    TokenLogprob,
    Vectors,
)

Keep = Callable[[Sequence[tuple[str, bytes]]], object]
"""Takes names, and the value that is to be kept under each."""


# What a token's log probability takes at least, for an early guess of an answer's size.
LOGPROB_BYTES = 12


class Recorder(Protocol):
    """Hears the events of one job, in their order."""

    def add(self, event: Event) -> None:
        """Take the next event."""


class AnswerRecorder:
    """Keeps an answer as one ``Token`` per choice: a hit is one chunk for each."""

    def __init__(
        self, name: str, identity: str, *, most_bytes: int, now_s: Callable[[], float], keep: Keep
    ) -> None:
        self._name = name
        self._identity = identity
        self._most_bytes = most_bytes
        self._now_s = now_s
        self._keep = keep
        self._bytes = 0
        self._started: Started | None = None
        self._choices: dict[int, _Choice] = {}
        self._finished: list[Finished] = []

    def add(self, event: Event) -> None:
        """Take the next event; with the last one the answer is kept, or forgotten."""
        match event:
            case Token():
                self._add_token(event)
            case Started():
                self._started = event
            case Finished():
                self._finished.append(event)
            case Done():
                self._end(event)
            case Failed() | Vectors():
                return

    def _add_token(self, token: Token) -> None:
        self._bytes += len(token.text) + LOGPROB_BYTES * len(token.logprobs)
        if self._bytes <= self._most_bytes:
            self._choices.setdefault(token.index, _Choice()).add(token)
        else:
            # It will not be kept: its beginning need not be held either.
            self._choices.clear()

    def _end(self, done: Done) -> None:
        if done.identity != self._identity or self._bytes > self._most_bytes:
            return
        if not keeps(finished.reason for finished in self._finished):
            return
        value = write_answer(Answer(self._now_s(), tuple(self._events(done))))
        if len(value) <= self._most_bytes:
            self._keep([(self._name, value)])

    def _events(self, done: Done) -> Iterator[Event]:
        if self._started is not None:
            yield self._started
        for index, choice in sorted(self._choices.items()):
            yield choice.joined(index)
        yield from self._finished
        yield done


class _Choice:
    """The tokens of one choice, put together at the end: a sum of each two would cost n squared."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._logprobs: list[TokenLogprob] = []
        self._calls: dict[int, tuple[str | None, list[str]]] = {}

    def add(self, token: Token) -> None:
        self._texts.append(token.text)
        self._logprobs += token.logprobs
        for delta in token.calls:
            name, arguments = self._calls.get(delta.index, (None, []))
            arguments.append(delta.arguments)
            self._calls[delta.index] = (delta.name or name, arguments)

    def joined(self, index: int) -> Token:
        calls = tuple(
            CallDelta(number, name, "".join(arguments))
            for number, (name, arguments) in sorted(self._calls.items())
        )
        # Its ids are what a later attempt would go on from: there is none.
        return Token(index, (), "".join(self._texts), tuple(self._logprobs), calls)


class VectorRecorder:
    """Keeps each vector under the name of its input."""

    def __init__(
        self, names: Sequence[str], identity: str, *, now_s: Callable[[], float], keep: Keep
    ) -> None:
        self._names = names
        self._identity = identity
        self._now_s = now_s
        self._keep = keep
        self._heard: list[Vectors] = []

    def add(self, event: Event) -> None:
        """Take the next event; with the last one the vectors are kept, or forgotten."""
        if isinstance(event, Vectors):
            self._heard.append(event)
        elif isinstance(event, Done) and event.identity == self._identity:
            now_s = self._now_s()
            self._keep([kept for vectors in self._heard for kept in self._rows(vectors, now_s)])

    def _rows(self, vectors: Vectors, now_s: float) -> Iterator[tuple[str, bytes]]:
        # An older worker does not say how many tokens an input has: a hit could not count them.
        size = 4 * vectors.dimensions
        for row, tokens in enumerate(vectors.tokens):
            data = vectors.data[row * size : (row + 1) * size]
            yield self._names[vectors.start + row], write_vector(Vector(now_s, tokens, data))
