"""What to feed in the next step: a pure decision over plain data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pending:
    """A slot with ``tokens`` not yet fed; one that is ``generating`` has exactly one."""

    slot: int
    tokens: int
    generating: bool


@dataclass(frozen=True, slots=True)
class PendingPicture(Pending):
    """A slot that is fed a piece of a picture next; ``whole`` when it must be all at once."""

    whole: bool


@dataclass(frozen=True, slots=True)
class Share:
    """How many of a slot's pending tokens go into this step."""

    slot: int
    tokens: int


def plan(pending: Sequence[Pending], prompt_tokens: int) -> list[Share]:
    """One token for every answer on its way, and ``prompt_tokens`` of prompts, the oldest first.

    ``pending`` is in order of arrival. Running answers advance in every step whatever arrives. A
    prompt that is longer than what is left goes in pieces. Of pictures there is one in a step: each
    has to be encoded first, and everybody waits for it.
    """
    shares = [Share(entry.slot, 1) for entry in pending if entry.generating]
    left = prompt_tokens
    seen = False
    for entry in pending:
        picture = isinstance(entry, PendingPicture)
        if entry.generating or (picture and seen):
            continue
        taken = _taken(entry, left)
        if taken:
            shares.append(Share(entry.slot, taken))
            left = max(left - taken, 0)
            seen = seen or picture
    return sorted(shares, key=lambda share: share.slot)


def _taken(entry: Pending, left: int) -> int:
    if left and isinstance(entry, PendingPicture) and entry.whole:
        return entry.tokens
    return min(entry.tokens, left)
