"""The seat: which of all keepers drives batches. Its holder keeps it while it is at work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress

import redis

from tasks.roster import Roster

# The seat is another's this long after its holder died, or stood still.
TERM_S = 5.0
RENEW_S = 1.0
# A single step may take as long: a store far away that is given hundreds of megabytes.
LONGEST_STEP_S = 600.0


class Seat:
    """One candidate for the seat.

    1. ``is_held`` stands for election, and is asked between any two steps.
    2. ``keep`` runs in a thread beside, and renews what is held while a step takes long: two
       keepers took a batch from each other for ever whose files took longer than a term to store.
    3. Whoever stands still as a whole loses it, and is told so when it is asked next.
    """

    def __init__(self, roster: Callable[[], Roster], name: str) -> None:
        self._roster = roster
        self._name = name
        self._held = False
        self._renew_at_s = 0.0
        self._asked_at_s = 0.0

    def is_held(self) -> bool:
        """Whether the seat is this candidate's."""
        self._asked_at_s = time.monotonic()
        if self._held and self._asked_at_s < self._renew_at_s:
            return True
        return self._renew()

    def keep(self, stopped: threading.Event) -> None:
        """Renew the seat while it is held, until ``stopped``."""
        while not stopped.wait(RENEW_S):
            if self._held and time.monotonic() - self._asked_at_s < LONGEST_STEP_S:
                # Whoever has the step meets the same Redis, and tells of it.
                with suppress(redis.RedisError, OSError):
                    self._renew()

    def forget(self) -> None:
        """Stand for election anew when it is asked next."""
        self._held = False

    def _renew(self) -> bool:
        self._held = self._roster().elect(self._name, TERM_S, seat="batch driver")
        self._renew_at_s = time.monotonic() + RENEW_S
        return self._held
