"""The word that a poisoned worker dies of: its row and its worker must know the same one."""

from __future__ import annotations

POISON = b"hemlock"
