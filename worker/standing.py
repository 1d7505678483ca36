"""How a worker is doing: what its report says beside the leases.

Whoever loads or drains says it here, from any thread; the leases' thread makes reports of it. A
moment on Redis's clock is that of the report which first tells of it.
"""

from __future__ import annotations

import os
from typing import Literal

import psutil

from tasks import hosts
from tasks.model import Model
from tasks.roster import Report

WorkerState = Literal["loading", "ready", "draining", "failed"]

# A model that does not load is tried again and again, after pauses of up to 10 s: so long, and a
# little longer, its last report has to speak for it.
FAILED_FOR_MS = 15_000
# Least progress of a loading that is worth a report of its own.
PROGRESS_STEP = 0.02


class Standing:
    """One worker's state, and the last report that told of it."""

    def __init__(self, model: Model, node: str, fleet_node: str) -> None:
        self.node = node
        self.context = model.context
        self.device = model.device
        self.progress = 0.0
        self.told: Report | None = None
        self._model = model
        self._fleet_node = fleet_node
        self._state: tuple[WorkerState, str | None] = ("loading", None)
        self._process = psutil.Process()

    def become(self, state: WorkerState, reason: str | None = None) -> None:
        """Come into a state; the next report tells of it."""
        self._state = (state, reason)

    def has_news(self, busy: int, worked: bool) -> bool:
        """Whether the next report should not wait for its time.

        ``busy`` jobs are held now; ``worked``: one was, since the last report.
        """
        if self.told is None or bool(busy) != bool(self.told.busy) or (worked and not busy):
            return True
        return abs(self.progress - self.told.progress) >= PROGRESS_STEP

    def report(self, now_ms: int, busy: int, worked: bool, ttl_ms: int) -> Report:
        """What to say now, for so long."""
        state, reason = self._state
        told = self.told
        same = told is not None and told.state == state
        self.told = Report(
            node=self.node,
            state=state,
            pid=os.getpid(),
            slots=self._model.slots,
            context=self.context,
            expires_ms=now_ms + (max(ttl_ms, FAILED_FOR_MS) if state == "failed" else ttl_ms),
            reason=reason,
            host=hosts.this_host(),
            born=hosts.born(os.getpid()) or 0,
            fleet_node=self._fleet_node,
            fingerprint=self._model.fingerprint,
            device=self.device,
            progress=1.0 if state in ("ready", "draining") else self.progress,
            busy=busy,
            idle_ms=0 if busy else self._idle_since(now_ms, state, worked),
            since_ms=told.since_ms if told is not None and same else now_ms,
            memory_bytes=self._process.memory_info().rss,
        )
        return self.told

    def _idle_since(self, now_ms: int, state: WorkerState, worked: bool) -> int:
        """A model that was never used is idle since it was ready."""
        told = self.told
        if told is None or worked or not told.idle_ms:
            return now_ms
        is_new = state == "ready" and told.state != "ready"
        return now_ms if is_new else told.idle_ms
