"""What is seen on its way into the slots of one context: one piece of a picture at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import llama_cpp

from worker.runtimes.base import Feed, Picture
from worker.runtimes.llama.embedded import EmbeddedBatch
from worker.runtimes.llama.memory import Memory, Span
from worker.runtimes.llama.projector import Encoded
from worker.runtimes.llama.sight import Sight
from worker.runtimes.positions import key_of, picture_of, place_of

Compute = Callable[[llama_cpp.llama_batch], None]


@dataclass(slots=True)
class _Looking:
    """What a slot may be fed, and the piece that it was fed last: nobody takes that away."""

    pictures: dict[int, Picture]
    key: int = -1
    encoded: Encoded | None = None


class Eyes:
    """The seeing side of a context; for the thread that computes."""

    def __init__(self, sight: Sight, context: llama_cpp.llama_context_p, memory: Memory) -> None:
        self.sight = sight
        self._context = context
        self._memory = memory
        self._looking: dict[int, _Looking] = {}

    def open(self, slot: int, pictures: Sequence[Picture]) -> None:
        """Positions of ``pictures`` may be fed to the slot."""
        if pictures:
            self._looking[slot] = _Looking({each.digest: each for each in pictures})

    def close(self, slot: int) -> None:
        """None may any more."""
        self._looking.pop(slot, None)

    def check(self, feed: Feed) -> None:
        """Raise ``ValueError`` for a feed that is not of one known picture's piece, in order."""
        first, last = feed.tokens[0], feed.tokens[-1]
        if key_of(first) != key_of(last) or first - last != len(feed.tokens) - 1:
            raise ValueError("positions of a picture are fed in order, and each piece by itself")
        looking = self._looking.get(feed.slot)
        if looking is None or picture_of(first) not in looking.pictures:
            raise ValueError(f"slot {feed.slot} was not opened with that picture")
        if feed.scored or feed.guessed:
            raise ValueError("what is seen is neither scored nor guessed")

    def feed(self, feed: Feed, compute: Compute) -> None:
        """Compute the feed, encoding its piece if need be; raises ``DecodeFailed``."""
        encoded = self._encoded(feed)
        count, first = len(feed.tokens), place_of(feed.tokens[0])
        if self.sight.whole and count != len(encoded.rows):
            raise ValueError("this model is fed all of a piece at once")
        start, position = self._memory.begun(feed.slot, first)
        batch = EmbeddedBatch(feed.slot, encoded, first, count, position, output=feed.sample)
        with self._both_ways():
            compute(batch.handle)
        if self.sight.uncut:
            self._memory.place(feed.slot, count, Span(start, count, encoded.span))
        else:
            self._memory.lengths[feed.slot] += count

    def _encoded(self, feed: Feed) -> Encoded:
        looking, token = self._looking[feed.slot], feed.tokens[0]
        if looking.encoded is None or looking.key != key_of(token):
            picture = looking.pictures[picture_of(token)]
            looking.encoded = self.sight.encoded(picture, token)
            looking.key = key_of(token)
        return looking.encoded

    @contextmanager
    def _both_ways(self) -> Iterator[None]:
        """Where the model wants it, positions of a picture attend to those after them too."""
        if not self.sight.whole:
            yield
            return
        llama_cpp.llama_set_causal_attn(self._context, False)
        try:
            yield
        finally:
            llama_cpp.llama_set_causal_attn(self._context, True)
