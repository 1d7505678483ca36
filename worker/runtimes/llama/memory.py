"""What each slot has been fed: llama.cpp's cache of keys and values, one stream of cells a slot.

The streams are separate, so that a slot's attention never walks over the cells of the others: at
32 slots that is half of the time. The price is kept here. A prefix that two slots share is copied,
all of the stream at once (47 MB take 10 ms); and llama.cpp computes in one go only what lies in
slots that follow each other, which ``gaps`` is for.

A picture may lie in it whose positions are not those of a text (``Span``): it can only be left out
as a whole, and what follows it does not lie where its length says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import llama_cpp

GAP = 2
"""Idle slots in a row between two running ones that are computed along with them.

A gap splits a batch in two, and each part reads all weights: 7 sequences took 12.1 ms without a
gap, 18.3 with one, and 13.8 as 8 sequences without a gap (2 cores, 135M parameters).
"""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a picture that is no text: ``tokens`` of it are held, from token ``start`` on.

    What follows it goes on ``positions`` behind where it starts.
    """

    start: int
    tokens: int
    positions: int


class Memory:
    """The slots' tokens in ``context``; lengths are in tokens."""

    def __init__(self, context: llama_cpp.llama_context_p, slots: int) -> None:
        self._handle = llama_cpp.llama_get_memory(context)
        self.lengths = [0] * slots
        self.divisible = True
        self._spans: list[tuple[Span, ...]] = [()] * slots

    def probe(self) -> None:
        """Find out, with two tokens in slot 0, whether a memory can be cut; then empty it.

        The states of recurrent models cannot.
        """
        self.lengths[0] = 2
        self.divisible = self.keep(0, 1) == 1
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        llama_cpp.llama_memory_clear(self._handle, True)
        self.lengths = [0] * len(self.lengths)
        self._spans = [()] * len(self._spans)

    def position(self, slot: int) -> int:
        """Where the slot's next token lies."""
        spans = self._spans[slot]
        return _position(self.lengths[slot], spans) if spans else self.lengths[slot]

    def place(self, slot: int, tokens: int, span: Span) -> None:
        """``tokens`` of a picture that began with ``span``, perhaps earlier, are in the memory."""
        self.lengths[slot] += tokens
        before = tuple(each for each in self._spans[slot] if each.start != span.start)
        held = self.lengths[slot] - span.start
        self._spans[slot] = (*before, Span(span.start, held, span.positions))

    def begun(self, slot: int, tokens: int) -> tuple[int, int]:
        """Token and position at which a picture began of which the last ``tokens`` are held."""
        start = self.lengths[slot] - tokens
        return start, _position(start, self._spans[slot])

    def keep(self, slot: int, tokens: int) -> int:
        """Cut the slot to its first ``tokens``; how many are left, 0 when it cannot be cut."""
        if tokens >= self.lengths[slot]:
            return self.lengths[slot]
        if spans := self._spans[slot]:
            cut = (each.start for each in spans if each.start < tokens < each.start + each.tokens)
            tokens = next(cut, tokens)
        position = _position(tokens, spans)
        if tokens and llama_cpp.llama_memory_seq_rm(self._handle, slot, position, -1):
            self.lengths[slot] = tokens
        else:
            llama_cpp.llama_memory_seq_rm(self._handle, slot, -1, -1)
            self.lengths[slot] = 0
        self._spans[slot] = tuple(each for each in spans if each.start < self.lengths[slot])
        return self.lengths[slot]

    def copy(self, source: int, target: int, tokens: int) -> int:
        """Give ``target`` the first ``tokens`` of ``source``; how many it has now."""
        if not self.divisible and tokens != self.lengths[source]:
            return self.keep(target, 0)
        self.keep(target, 0)
        # Only whole streams can be copied; it happens before the next batch is computed.
        llama_cpp.llama_memory_seq_cp(self._handle, source, target, -1, -1)
        self.lengths[target] = self.lengths[source]
        self._spans[target] = self._spans[source]
        return self.keep(target, tokens)

    def forget_after(self, slot: int) -> None:
        """Remove the cells behind the slot's length: of a stand-in, or of wrong guesses."""
        llama_cpp.llama_memory_seq_rm(self._handle, slot, self.position(slot), -1)


def gaps(slots: Sequence[int]) -> list[int]:
    """The idle slots to compute along with ``slots`` (ascending), so that the batch stays whole."""
    found: list[int] = []
    for left, right in pairwise(slots):
        if 1 < right - left <= GAP + 1:
            found.extend(range(left + 1, right))
    return found


def _position(tokens: int, spans: Sequence[Span]) -> int:
    """Where a token lies that has so many before it."""
    return tokens + sum(each.positions - each.tokens for each in spans if each.start < tokens)
