"""A trial: one injury to the stack, and what it did to the jobs that were accepted around it."""

from __future__ import annotations

import msgspec


class Trial(msgspec.Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The counts of one trial; all of them but ``accepted`` should be 0.

    ``lost``: accepted, and unknown to the ledger. ``doubled_ends``: more than one end in the log,
    or something behind it. ``doubled_runs``: more attempts than deaths explain. ``stuck``: no end
    in time. ``broken``: another promise of the row not kept (``note`` says which).
    ``recovery_s`` is how long the injury was felt; None where nothing of the kind is measured.
    The suite fills in ``row`` and ``variant``.
    """

    number: int
    accepted: int = 0
    lost: int = 0
    doubled_ends: int = 0
    doubled_runs: int = 0
    stuck: int = 0
    broken: int = 0
    recovery_s: float | None = None
    note: str = ""
    row: str = ""
    variant: str = ""

    @property
    def failed(self) -> bool:
        """Whether anything was counted that should not be."""
        return any((self.lost, self.doubled_ends, self.doubled_runs, self.stuck, self.broken))
