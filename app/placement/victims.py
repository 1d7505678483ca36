"""Who may lose its place on a node: idle models, and those whose turn is over.

A pinned model keeps its place, and so does one that is still loading.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.placement.draft import Draft

# Whoever has been ready for so many turns leaves although jobs wait that came before it was ready.
LONGEST_TURNS = 3


@dataclass(frozen=True, slots=True)
class Victim:
    """A model that may lose its place; ``since_ms`` it is idle, or ready where it is ``in_use``."""

    name: str
    since_ms: int
    in_use: bool


def victims(draft: Draft, node: str, *, in_use: bool) -> list[Victim]:
    """The idle models of a live node, longest idle first; then, if ``in_use`` ones may be, those
    whose turn is over, longest ready first.
    """
    names = [name for name in draft.assignments.get(node, {}) if _may_leave(draft, node, name)]
    idle = [_idle(draft, name) for name in names]
    over = [_with_its_turn_over(draft, node, name) for name in names] if in_use else []
    resting = {victim.name for victim in idle if victim}
    others = [victim for victim in over if victim and victim.name not in resting]
    return [*_longest_first([each for each in idle if each]), *_longest_first(others)]


def _may_leave(draft: Draft, node: str, name: str) -> bool:
    model = draft.view.models.get(name)
    return model is not None and not model.pinned and draft.is_served_on(node, name)


def _idle(draft: Draft, name: str) -> Victim | None:
    # What cannot be loaded is of no use to those that wait for it.
    if name in draft.broken:
        return Victim(name, 0, in_use=False)
    since_ms = draft.view.idle_since(name, draft.serving(name))
    return None if since_ms is None else Victim(name, since_ms, in_use=False)


def _with_its_turn_over(draft: Draft, node: str, name: str) -> Victim | None:
    """The model, if it has been ready for a turn, and has worked off what waited when it came up.

    Never before: each load serves what waits first, however many models want the place.
    """
    view = draft.view
    since_ms = view.ready_since(name, node)
    if since_ms is None:
        return None
    turns = (view.now_ms - since_ms) / (view.facts.turn_s * 1000)
    queue = view.queue(name)
    oldest_ms = view.now_ms - queue.oldest_wait_s * 1000
    worked_off = not queue.waiting or oldest_ms > since_ms
    is_over = turns >= LONGEST_TURNS or (turns >= 1 and worked_off)
    return Victim(name, since_ms, in_use=True) if is_over else None


def _longest_first(victims: list[Victim]) -> list[Victim]:
    return sorted(victims, key=lambda victim: (victim.since_ms, victim.name))
