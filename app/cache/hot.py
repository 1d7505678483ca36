"""What is asked for again and again is held here for a moment: Redis is not asked each time.

A round trip is a third of what a hit costs in CPU. It is saved for what many ask for at once, and
for so short a time that whoever empties the cache does not notice: all that is held is forgotten
together, five times a second.
"""

from __future__ import annotations

import time

FORGOTTEN_AFTER_S = 0.2
# So often within that time a value was fetched before it is held.
HOT = 16
MOST_HELD = 64
LARGEST_BYTES = 64 * 1024


class Hot:
    """One process's hottest values. Thread-safe: what two do at once costs one more fetch."""

    def __init__(self) -> None:
        self._fetched: dict[str, int] = {}
        self._held: dict[str, bytes] = {}
        self._forget_at = 0.0

    def get(self, name: str) -> bytes | None:
        """The value, if it is held."""
        now = time.monotonic()
        if now >= self._forget_at:
            self._forget_at = now + FORGOTTEN_AFTER_S
            self._fetched, self._held = {}, {}
        return self._held.get(name)

    def fetched(self, name: str, value: bytes) -> None:
        """It was fetched, and may be asked for again soon."""
        count = self._fetched.get(name, 0) + 1
        self._fetched[name] = count
        if count >= HOT and len(value) <= LARGEST_BYTES and len(self._held) < MOST_HELD:
            self._held[name] = value

    def drop(self, name: str) -> None:
        """There is another value now."""
        self._held.pop(name, None)
