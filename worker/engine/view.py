"""What can be seen of the slots from outside, while the loop runs."""

from __future__ import annotations

from dataclasses import dataclass

from worker.engine.slots import Slots


@dataclass(frozen=True, slots=True)
class SlotView:
    """One slot: the request in it (None when idle), and how many tokens are where.

    ``held`` tokens lie in the slot's memory: the place in the context that comes next. An idle
    slot keeps them for an answer that begins alike.
    """

    slot: int
    held: int
    request: str | None = None
    prompt: int = 0
    cached: int = 0
    generated: int = 0
    generating: bool = False


def view(slots: Slots, count: int) -> list[SlotView]:
    """All ``count`` slots in order. From any thread: a step may end between two of them."""
    return [_view_of(slots, slot) for slot in range(count)]


def _view_of(slots: Slots, slot: int) -> SlotView:
    held = slots.held(slot)
    sequence = slots.running.get(slot)
    if sequence is None:
        return SlotView(slot, held)
    return SlotView(
        slot,
        held,
        request=sequence.request.id,
        prompt=len(sequence.prompt),
        cached=sequence.cached,
        generated=sequence.drawn,
        generating=sequence.generating,
    )
