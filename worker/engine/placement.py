"""Which slot a sequence gets, and what of the slots' memories it can use: pure decisions.

The prefix that a prompt shares with what some slot holds, running or idle, need not be computed
again. Where the slot is idle and would lose little, the sequence moves in; otherwise the prefix is
copied into an idle slot, of those next to running ones the one used least recently.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

COPY_LEAST = 32
"""Tokens that a copy must save at least, in a context of 2,048: it copies a slot's whole memory,
which takes as long as computing about ten tokens."""

NEAR = 2
"""Idle slots that may lie between a sequence at home and the running ones. The runtime computes
such gaps along, which costs their share of each step; a larger gap would split every batch in two
(``runtimes.llama.memory``). Where nothing is gained by it no gap is made."""


@dataclass(frozen=True, slots=True)
class Held:
    """A slot's memory; ``used`` rises with the time of its last use, 0 for never."""

    slot: int
    tokens: Sequence[int]
    running: bool
    used: int


@dataclass(frozen=True, slots=True)
class Placement:
    """Move into ``slot``, and keep the first ``tokens`` of ``source``'s memory, perhaps its own."""

    slot: int
    source: int
    tokens: int


def place(
    memories: Sequence[Held], known: Sequence[int], *, context: int, reuse: bool
) -> Placement:
    """The place for a sequence that begins with ``known``; at least one slot is not running."""
    distance = _distances(memories)
    # Next to those that run, and of such slots the one that was used least recently.
    oldest = min(
        (held for held in memories if not held.running),
        key=lambda held: (distance[held.slot], held.used, held.slot),
    )
    if not reuse:
        return Placement(oldest.slot, oldest.slot, 0)
    shared = {held.slot: usable(held.tokens, known) for held in memories}
    best = max(memories, key=lambda held: (shared[held.slot], held.used))
    near = [held for held in memories if distance.get(held.slot, NEAR + 1) <= NEAR] or [oldest]
    at_home = max(near, key=lambda held: (shared[held.slot], held.used))
    saved = shared[best.slot] - shared[at_home.slot]
    if saved < least_copied(context) and _may_move_in(at_home, shared[at_home.slot], oldest):
        return Placement(at_home.slot, at_home.slot, shared[at_home.slot])
    if shared[best.slot] - shared[oldest.slot] < least_copied(context):
        return Placement(oldest.slot, oldest.slot, shared[oldest.slot])
    return Placement(oldest.slot, best.slot, shared[best.slot])


def usable(held: Sequence[int], known: Sequence[int]) -> int:
    """How many tokens of ``known`` a memory begins with; never all, for one must be fed."""
    most = min(len(held), len(known) - 1)
    # Comparing slices halves the work at every step, in C: prompts have thousands of tokens.
    low, high = 0, most
    while low < high:
        middle = (low + high + 1) // 2
        if held[low:middle] == known[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def least_copied(context: int) -> int:
    """Tokens that must be saved before copying a memory of ``context`` tokens pays."""
    return max(COPY_LEAST, context // 64)


def _may_move_in(home: Held, shared: int, oldest: Held) -> bool:
    """Whether little is lost: half of what the slot holds goes on, or it was to go anyway."""
    return home.slot == oldest.slot or (shared > 0 and 2 * shared >= len(home.tokens))


def _distances(memories: Sequence[Held]) -> dict[int, int]:
    """Idle slots between each idle slot and the nearest running one; 0 where nothing runs."""
    running = [held.slot for held in memories if held.running]
    return {
        held.slot: min((abs(held.slot - slot) - 1 for slot in running), default=0)
        for held in memories
        if not held.running
    }
