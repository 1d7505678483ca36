"""The identities of models as workers said them, read beside the requests.

Every half second while some come: none of them asks the queue's Redis, and the first after a pause
waits a moment for news, lest it be answered by a model that was exchanged meanwhile. While Redis
is away, what was known holds.
"""

from __future__ import annotations

import contextlib
import threading
import time

import redis

from tasks.gateway import Gateway
from tasks.identities import Identities

FRESH_S = 0.5
# What is older than this is waited for, and so long at most: with Redis away, by few.
STALE_S = 1.0
WAIT_S = 0.1


class KnownIdentities:
    """One per process. Thread-safe."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._identities = Identities(gateway.redis, gateway.settings)
        self._known: dict[str, str] = {}
        self._read_at = float("-inf")
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None
        self._begun_at = 0.0

    def of(self, model: str) -> str | None:
        """What serves the model of that name; None while no worker has said it."""
        now = time.monotonic()
        if now - self._read_at > FRESH_S:
            reader = self._read_beside(now)
            if now - self._read_at > STALE_S:
                # From its begin: a reader that hangs costs the requests after it nothing.
                reader.join(max(self._begun_at + WAIT_S - now, 0.0))
        return self._known.get(model)

    def _read_beside(self, now: float) -> threading.Thread:
        with self._lock:
            if self._reader is None:
                self._begun_at = now
                self._reader = threading.Thread(target=self._read, name="identities", daemon=True)
                self._reader.start()
            return self._reader

    def _read(self) -> None:
        try:
            with contextlib.suppress(redis.RedisError):
                self._known = self._identities.of(self._gateway.catalog)
        finally:
            self._read_at = time.monotonic()
            self._reader = None
