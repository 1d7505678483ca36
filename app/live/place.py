"""The live view's parts, put together once per application."""

from __future__ import annotations

from app.admin.place import Admin
from app.admin.slots import WorkerSlots
from app.live.reader import Reader
from app.live.sight import Look, Sight, Totals
from app.live.slot_look import SlotLook

STATE_EVERY_S = 1.0
# Each worker is asked by remote control: dearer than Redis, and only an admin is shown it.
SLOTS_EVERY_S = 2.0


class Live:
    """What the sockets of one process share."""

    def __init__(self, admin: Admin, totals: Totals, *, most_sockets: int) -> None:
        self.most_sockets = most_sockets
        self.state: Reader[Sight | None] = Reader(
            "live view", Look(admin.gateway, totals), STATE_EVERY_S
        )
        self.slots: Reader[list[WorkerSlots] | None] = Reader(
            "live slots", SlotLook(admin.slots, admin.survey), SLOTS_EVERY_S
        )

    @property
    def full(self) -> bool:
        """Whether as many watch as may."""
        return self.state.watchers >= self.most_sockets
