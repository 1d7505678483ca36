"""A Redis that does not answer is asked no more until it does.

A frozen one costs every request that asks it a whole timeout. So one that failed is left alone,
and a thread of its own, not a request, tries every few seconds whether it is back.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import redis

AGAIN_S = 2.0


class Breaker:
    """Whether it is worth asking. Thread-safe."""

    def __init__(self, probe: Callable[[], object]) -> None:
        """``probe`` asks; it raises redis-py's errors while there is no answer."""
        self._probe = probe
        self._lock = threading.Lock()
        self._is_open = False
        self._again_at = 0.0

    def lets_through(self) -> bool:
        """Whether to ask now; when not, it may have another look made beside."""
        if not self._is_open:
            return True
        if time.monotonic() >= self._again_at:
            self._try_beside()
        return False

    def trip(self) -> None:
        """It did not answer."""
        with self._lock:
            self._is_open = True
            self._again_at = time.monotonic() + AGAIN_S

    def _try_beside(self) -> None:
        with self._lock:
            if time.monotonic() < self._again_at:
                return
            self._again_at = time.monotonic() + AGAIN_S
        threading.Thread(target=self._try, name="cache probe", daemon=True).start()

    def _try(self) -> None:
        try:
            self._probe()
        except redis.RedisError:
            return
        self._is_open = False
