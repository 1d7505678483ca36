"""Who is placed first, and how far each may go for it.

Models that jobs wait for come first, those that have waited longest before the others; then what an
admin loads, in the order of the asking; then what is merely to be there, in the catalog's order, on
free room alone.
"""

from __future__ import annotations

from app.placement.draft import Draft
from app.placement.prospects import NAMED
from app.placement.room import HOST, Bytes, size
from app.placement.rooms import Rooms
from app.placement.seeking import Choice, Place, Reach, goal, seek
from tasks.model import Model

NO_ROOM = "there is no room for it now"


def place_all(draft: Draft) -> None:
    """Give every wanted model a place, make one, or note what it waits for."""
    rooms = Rooms(draft)
    kept_free: list[Place] = []
    requests = _requested(draft)
    for model in requests:
        late = _is_late(draft, model)
        choice = seek(draft, rooms, model, Reach.TURN if late else Reach.IDLE)
        if choice:
            _take(draft, rooms, model, choice)
        elif place := goal(draft, rooms, model):
            draft.wait(model.name, _missing(draft, rooms, place))
            if late:
                # Small models would pass it by for ever: nobody else gets what it needs now.
                rooms.reserve(place.node, place.need)
            else:
                kept_free.append(place)
    for model in _loaded_by_admins(draft, requests):
        if choice := seek(draft, rooms, model, Reach.IDLE):
            _take(draft, rooms, model, choice)
        elif place := goal(draft, rooms, model):
            draft.wait(model.name, _missing(draft, rooms, place))
            kept_free.append(place)
    for place in kept_free:
        rooms.reserve(place.node, place.need)
    for model in draft.view.facts.models:
        _fill(draft, rooms, model)


def _is_unserved(draft: Draft, model: Model) -> bool:
    return (
        draft.is_wanted(model.name)
        and not draft.serving(model.name)
        and not draft.view.serves_itself(model.name)
        and draft.prospects[model.name].outcome == "somewhere"
        # It would fail again at another's cost; on free room it is tried.
        and model.name not in draft.failures
    )


def _requested(draft: Draft) -> list[Model]:
    models = [
        model
        for model in draft.view.facts.models
        if draft.view.queue(model.name).waiting and _is_unserved(draft, model)
    ]
    return sorted(models, key=lambda model: _waits_since_ms(draft, model))


def _loaded_by_admins(draft: Draft, requests: list[Model]) -> list[Model]:
    asked = []
    for model in draft.view.facts.models:
        wish = draft.wish(model.name)
        if wish and wish.why == "admin" and model not in requests and _is_unserved(draft, model):
            asked.append((wish.at_ms, model))
    return [model for _, model in sorted(asked, key=lambda each: each[0])]


def _waits_since_ms(draft: Draft, model: Model) -> float:
    """Since when the model waits: anew for one that was put to rest since its jobs came."""
    wish = draft.wish(model.name)
    oldest_ms = draft.view.now_ms - draft.view.queue(model.name).oldest_wait_s * 1000
    asked_ms = wish.at_ms if wish and wish.why == "request" else 0
    return max(oldest_ms, asked_ms)


def _is_late(draft: Draft, model: Model) -> bool:
    waited_ms = draft.view.now_ms - _waits_since_ms(draft, model)
    return waited_ms > draft.view.facts.turn_s * 1000


def _take(draft: Draft, rooms: Rooms, model: Model, choice: Choice) -> None:
    place = choice.place
    if choice.reach is Reach.FREE:
        draft.serve(place.node, model, place.seat)
        return
    for victim in choice.leaving:
        draft.put_to_rest(victim.name, "turn" if victim.in_use else "evicted")
    rooms.reserve(place.node, place.need)
    names = ", ".join(draft.leaving(place.node)) or "what was there"
    draft.wait(model.name, f"{place.node} has room for it as soon as {names} has ended")


def _fill(draft: Draft, rooms: Rooms, model: Model) -> None:
    """Have a model that is wanted where there is room, as often as it should be."""
    name = model.name
    if not draft.is_wanted(name) or draft.view.serves_itself(name):
        return
    while len(draft.serving(name)) < model.replicas:
        choice = seek(draft, rooms, model, Reach.FREE)
        if choice is None:
            _note_why_not(draft, name)
            return
        draft.serve(choice.place.node, model, choice.place.seat)


def _note_why_not(draft: Draft, name: str) -> None:
    if name in draft.reasons or draft.serving(name):
        return
    leaving = [node for node in sorted(draft.view.nodes) if draft.lingers(node, name)]
    if leaving:
        draft.wait(name, f"it has to end on {', '.join(leaving)} before it can begin anew")
    else:
        draft.reasons[name] = NO_ROOM


def _missing(draft: Draft, rooms: Rooms, place: Place) -> str:
    need: Bytes = place.need
    free = rooms.free(place.node)
    where = next((each for each in need if need[each] > free.get(each, 0)), HOST)
    users = sorted(n for n in draft.assignments.get(place.node, {}))
    used = f" {', '.join(users[:NAMED])} use the rest." if users else ""
    return (
        f"it needs {size(need[where])} of {place.node}'s {where}, where"
        f" {size(max(free.get(where, 0), 0))} is free.{used}"
    )
