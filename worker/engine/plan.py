"""What to feed in the next step: a pure decision over plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pending:
    """A slot with ``tokens`` not yet fed; one that generates has exactly one."""

    slot: int
    tokens: int


@dataclass(frozen=True, slots=True)
class Share:
    """How many of a slot's pending tokens go into this step."""

    slot: int
    tokens: int


def plan(pending: Sequence[Pending], budget: int) -> list[Share]:
    """Shares of at most ``budget`` tokens in all: generating slots first, then prompts in order.

    ``pending`` is in order of arrival. Running answers advance in every step whatever arrives;
    prompts fill what is left, the oldest first, in pieces when they are longer. The budget is at
    least the number of slots, so every generating slot gets its token.
    """
    shares = [Share(entry.slot, 1) for entry in pending if entry.tokens == 1]
    left = budget - len(shares)
    for entry in pending:
        if entry.tokens > 1 and left > 0:
            taken = min(entry.tokens, left)
            shares.append(Share(entry.slot, taken))
            left -= taken
    return sorted(shares, key=lambda share: share.slot)
