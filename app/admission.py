"""Admission: a job that no node can ever serve is refused before it is accepted.

What the placer said last is read beside the requests, every half second while some come: none of
them waits for it, and with Redis away none waits longer. A refusal is looked up anew: it must not
be last hour's.
"""

from __future__ import annotations

import threading
import time

import redis

from app.placement.words import unplaceable, without_folders
from tasks.fleet import Placement
from tasks.gateway import Gateway
from tasks.model import Model

FRESH_S = 0.5
# What is older than this is of no use: the request that finds it so waits a moment for better.
STALE_S = 5.0
WAIT_S = 0.1


class Admission:
    """One per process. Thread-safe."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._known: dict[str, Placement] = {}
        self._read_at = float("-inf")
        self._lock = threading.Lock()
        self._reader: threading.Thread | None = None

    def check(self, model: Model) -> None:
        """Raise ``ModelUnplaceable`` when no node can hold the model and nobody serves it."""
        known = self._placements().get(model.name)
        if known is not None and known.state == "unplaceable":
            self._look_again(model)

    def _placements(self) -> dict[str, Placement]:
        age_s = time.monotonic() - self._read_at
        if age_s > FRESH_S:
            reader = self._read_beside()
            if age_s > STALE_S:
                reader.join(WAIT_S)
        return self._known

    def _read_beside(self) -> threading.Thread:
        with self._lock:
            if self._reader is None or not self._reader.is_alive():
                self._reader = threading.Thread(target=self._read, name="placements", daemon=True)
                self._reader.start()
            return self._reader

    def _read(self) -> None:
        try:
            self._known = self._gateway.fleet.placements()
        except redis.RedisError:
            # Whether the job is taken is Redis's to say, when it answers again.
            self._known = {}
        self._read_at = time.monotonic()

    def _look_again(self, model: Model) -> None:
        try:
            placement = self._gateway.fleet.placements().get(model.name)
            workers = self._gateway.roster.workers(model.queue).values()
        except redis.RedisError:
            return
        is_served = any(each.state in ("ready", "loading") for each in workers if not each.gone)
        if placement is not None and placement.state == "unplaceable" and not is_served:
            raise unplaceable(model.name, without_folders(placement.reason))
