"""Where a model could go, and whom that costs its place.

Free room comes first, then room that is about to be free, then that of idle models, then that of
models whose turn is over.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum

from app.placement.draft import Draft
from app.placement.room import HOST, Bytes, fits, needed
from app.placement.rooms import Rooms
from app.placement.victims import Victim, victims
from tasks.fleet import Seat
from tasks.model import Model


class Reach(IntEnum):
    """How far a model may go to get room."""

    FREE = 0
    COMING = 1
    IDLE = 2
    TURN = 3


@dataclass(frozen=True, slots=True)
class Place:
    """A seat on a node, the node's ``rank``-th choice for the model."""

    node: str
    seat: Seat
    rank: int

    @property
    def need(self) -> Bytes:
        """What the model takes there."""
        return needed(self.seat)


@dataclass(frozen=True, slots=True)
class Choice:
    """A place, how far one must go for it, and who leaves for it."""

    place: Place
    reach: Reach
    leaving: tuple[Victim, ...] = ()


def seek(draft: Draft, rooms: Rooms, model: Model, reach: Reach) -> Choice | None:
    """The model's best place within ``reach``; None when there is none."""
    found = [_choice(draft, rooms, model, place, reach) for place in _places(draft, rooms, model)]
    choices = [choice for choice in found if choice]
    return min(choices, key=lambda choice: _cost(rooms, choice), default=None)


def goal(draft: Draft, rooms: Rooms, model: Model) -> Place | None:
    """The place to keep room at when none is within reach: the same one, round after round."""
    return max(
        _places(draft, rooms, model),
        key=lambda place: draft.view.report(place.node).budget_bytes,
        default=None,
    )


def _places(draft: Draft, rooms: Rooms, model: Model) -> Iterator[Place]:
    """Wherever the model could be, were there room."""
    for node in sorted(draft.view.nodes):
        offer = draft.view.offer(node, model)
        if offer is None or draft.is_served_on(node, model.name):
            continue
        for rank, seat in enumerate(offer.seats):
            place = Place(node, seat, rank)
            if rooms.could_ever(node, model, place.need):
                yield place


def _choice(draft: Draft, rooms: Rooms, model: Model, place: Place, reach: Reach) -> Choice | None:
    node = place.node
    if fits(place.need, rooms.coming(node)):
        if fits(place.need, rooms.free(node)) and not draft.lingers(node, model.name):
            return Choice(place, Reach.FREE)
        return Choice(place, Reach.COMING) if reach >= Reach.COMING else None
    for deeper in (Reach.IDLE, Reach.TURN):
        if reach >= deeper:
            leaving = _enough(rooms, place, victims(draft, node, in_use=deeper is Reach.TURN))
            if leaving is not None:
                return Choice(place, deeper, leaving)
    return None


def _enough(rooms: Rooms, place: Place, offered: list[Victim]) -> tuple[Victim, ...] | None:
    """As few of the victims as make room, the first ones first; None when all are too few."""

    def makes_room(these: list[Victim]) -> bool:
        return fits(place.need, rooms.coming(place.node, tuple(each.name for each in these)))

    counts = range(1, len(offered) + 1)
    chosen = next((offered[:count] for count in counts if makes_room(offered[:count])), None)
    if chosen is None:
        return None
    for victim in reversed(chosen):
        spared = [each for each in chosen if each is not victim]
        if makes_room(spared):
            chosen = spared
    return tuple(chosen)


def _cost(rooms: Rooms, choice: Choice) -> tuple[int, int, int, int, bool, int]:
    """Least: the fewest leave, long unused; the node likes the seat best; a GPU; the most free."""
    seat = choice.place.seat
    where = next((where for where in choice.place.need if where != HOST), HOST)
    return (
        choice.reach,
        len(choice.leaving),
        max((victim.since_ms for victim in choice.leaving), default=0),
        choice.place.rank,
        seat.device == "cpu",
        -rooms.free(choice.place.node).get(where, 0),
    )
