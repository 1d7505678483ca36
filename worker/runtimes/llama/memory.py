"""What each slot has been fed: llama.cpp's cache of keys and values, one stream of cells a slot.

The streams are separate, so that a slot's attention never walks over the cells of the others: at
32 slots that is half of the time. The price is kept here. A prefix that two slots share is copied,
all of the stream at once (47 MB take 10 ms); and llama.cpp computes in one go only what lies in
slots that follow each other, which ``gaps`` is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import llama_cpp

GAP = 2
"""Idle slots in a row between two running ones that are computed along with them.

A gap splits a batch in two, and each part reads all weights: 7 sequences took 12.1 ms without a
gap, 18.3 with one, and 13.8 as 8 sequences without a gap (2 cores, 135M parameters).
"""


class Memory:
    """The slots' tokens in ``context``; lengths are in tokens."""

    def __init__(self, context: llama_cpp.llama_context_p, slots: int) -> None:
        self._handle = llama_cpp.llama_get_memory(context)
        self.lengths = [0] * slots
        self.divisible = True

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

    def keep(self, slot: int, tokens: int) -> int:
        """Cut the slot to its first ``tokens``; how many are left, 0 when it cannot be cut."""
        if tokens >= self.lengths[slot]:
            return self.lengths[slot]
        if tokens and llama_cpp.llama_memory_seq_rm(self._handle, slot, tokens, -1):
            self.lengths[slot] = tokens
        else:
            llama_cpp.llama_memory_seq_rm(self._handle, slot, -1, -1)
            self.lengths[slot] = 0
        return self.lengths[slot]

    def copy(self, source: int, target: int, tokens: int) -> int:
        """Give ``target`` the first ``tokens`` of ``source``; how many it has now."""
        if not self.divisible and tokens != self.lengths[source]:
            return self.keep(target, 0)
        self.keep(target, 0)
        # Only whole streams can be copied; it happens before the next batch is computed.
        llama_cpp.llama_memory_seq_cp(self._handle, source, target, -1, -1)
        self.lengths[target] = self.lengths[source]
        return self.keep(target, tokens)

    def forget_after(self, slot: int) -> None:
        """Remove the cells behind the slot's length: of a stand-in, or of wrong guesses."""
        llama_cpp.llama_memory_seq_rm(self._handle, slot, self.lengths[slot], -1)


def gaps(slots: Sequence[int]) -> list[int]:
    """The idle slots to compute along with ``slots`` (ascending), so that the batch stays whole."""
    found: list[int] = []
    for left, right in pairwise(slots):
        if 1 < right - left <= GAP + 1:
            found.extend(range(left + 1, right))
    return found
