"""One model's worker process under the node, over all of its lives."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import time
from dataclasses import dataclass

from tasks.fleet import ChildState
from tasks.model import Model
from tasks.roster import Report
from worker.node import launch, locks
from worker.node.deaths import Deaths
from worker.node.process import Process
from worker.node.settings import NodeSettings

log = logging.getLogger(__name__)

EARLIER = "an earlier process still ends"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a child is doing, for the thread that tells of it. ``since_s`` is monotonic.

    ``process`` is the pid of its process, or of its last one, and when that began. ``to_drain``:
    it is to finish what runs.
    """

    model: Model
    device: str
    state: ChildState
    since_s: float
    process: tuple[int, int]
    restarts: int
    reason: str
    to_drain: bool


class WorkerChild:
    """One model's worker process.

    1. ``starting``: it takes the model's lock (an earlier process that still ends has it until
       then), begins, and loads the model.
    2. ``running``, once its own report says that it is ready.
    3. It dies. If it had been ready it starts again at once; else it is ``paused`` before it does,
       1, 2, 4 .. 10 s.
    4. It is to leave: ``stopping``. It finishes what runs, which the node asks it to and its report
       tells of; or it is told to end now.
    5. SIGTERM; ``node_stop_s`` later SIGKILL. Then it is over, or starts again if it is wanted.

    Only the node's main thread touches it; ``step`` takes it on from there to there.
    """

    def __init__(self, model: Model, device: str, settings: NodeSettings) -> None:
        self.model = model
        self.device = device
        self._settings = settings
        self._fingerprint = model.fingerprint
        self._lock_path = launch.lock_path(settings.run_folder, model.queue, settings.node_name)
        self._deaths = Deaths(settings.node_pause_s, settings.node_longest_pause_s)
        self._process: Process | None = None
        self._last = (0, 0)
        self._was_ready = False
        self._is_wanted = True
        self._is_leaving = False
        self._kill_at: float | None = None
        self._blocked_since: float | None = None
        self._known: tuple[ChildState, float] = ("starting", time.monotonic())

    @property
    def is_over(self) -> bool:
        """Whether it has no process and is to have none."""
        return self._process is None and not self._is_wanted

    @property
    def deaths(self) -> int:
        """How often its process died of itself."""
        return self._deaths.count

    def does(self, model: Model, device: str) -> bool:
        """Whether it is what would be started for this definition, on this device."""
        return (self._fingerprint, self.device) == (model.fingerprint, device)

    def step(self, order: str, report: Report | None) -> None:
        """Go on, as ordered: ``serve``, ``drain`` or ``stop``.

        ``report`` is the last one of its worker; None for one that has long said nothing.
        """
        if report is not None and (report.pid, report.born) != self._last:
            report = None
        self._is_wanted = order == "serve"
        self._hear(report)
        if self._process is not None and (how := self._process.bury()) is not None:
            self._mourn(how)
        if self._process is None:
            if self._is_wanted and not self._deaths.is_pausing:
                self._start()
        elif self._is_leaving or not self._is_wanted:
            # Once it was asked to drain it can only end: a worker does not take that back.
            self._leave(self._process, order, report)
        self._note_state()

    def standing(self) -> Standing:
        """How it is doing."""
        state, since_s = self._known
        return Standing(
            model=self.model,
            device=self.device,
            state=state,
            since_s=since_s,
            process=self._last,
            restarts=self._deaths.count,
            reason=self._reason(state),
            to_drain=self._is_leaving and self._was_ready,
        )

    def _start(self) -> None:
        try:
            lock = locks.take(self._lock_path)
            if lock is None:
                self._wait_for_an_earlier_one()
                return
            try:
                self._process = self._begun(lock)
            finally:
                os.close(lock)
        except OSError as error:
            self._deaths.add(f"it cannot be started: {error}", None)
            self._pause()
            return
        self._blocked_since = None
        self._was_ready = False
        self._last = self._process.name
        log.info("worker of %s begins, pid %d", self.model.name, self._process.pid)

    def _begun(self, lock: int) -> Process:
        node = self._settings.node_name
        output = launch.open_log(self._settings.log_folder, self.model.queue)
        try:
            return Process(
                launch.worker_command(self.model, node, self._settings.log_level),
                launch.environment(os.environ, node, self.device),
                lock,
                output,
            )
        finally:
            os.close(output)

    def _wait_for_an_earlier_one(self) -> None:
        now = time.monotonic()
        if self._blocked_since is None:
            self._blocked_since = now
            log.info("worker of %s waits: %s", self.model.name, EARLIER)
        elif now - self._blocked_since > self._settings.node_stop_s:
            pid = locks.holder(self._lock_path)
            if pid is not None:
                log.warning("worker of %s: process %d did not end, killed", self.model.name, pid)
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)

    def _hear(self, report: Report | None) -> None:
        if report is None:
            return
        if report.state == "draining":
            # Whoever asked it to (an operator did): it takes nothing more, so another follows it.
            self._is_leaving = True
        if report.state == "failed":
            self._deaths.hear_failure(report)
        elif report.state in ("ready", "draining") and not self._was_ready:
            # Its death may have been seen first, when it was ready for a moment only.
            self._was_ready = True
            self._deaths.forgive()

    def _mourn(self, how: str) -> None:
        self._process = None
        self._kill_at = None
        if self._is_leaving:
            self._is_leaving = False
            self._deaths.forget()
            log.info("worker of %s is gone: %s", self.model.name, how)
            return
        self._deaths.add(how, self._last)
        if self._was_ready:
            log.warning("worker of %s died: %s", self.model.name, how)
        else:
            self._pause()

    def _pause(self) -> None:
        pause_s = self._deaths.pause()
        log.warning(
            "worker of %s did not become ready (%s): again in %g s",
            *(self.model.name, self._deaths.reason, pause_s),
        )

    def _leave(self, process: Process, order: str, report: Report | None) -> None:
        self._is_leaving = True
        if self._kill_at is None and (order == "stop" or self._has_drained(report)):
            self._kill_at = time.monotonic() + self._settings.node_stop_s
            process.terminate()
        elif self._kill_at is not None and time.monotonic() >= self._kill_at:
            process.kill()

    def _has_drained(self, report: Report | None) -> bool:
        if not self._was_ready or report is None:
            return True  # it has taken nothing yet, or renews the leases of nothing any more
        return report.state == "draining" and report.busy == 0

    def _note_state(self) -> None:
        state = self._state()
        if state != self._known[0]:
            self._known = (state, time.monotonic())

    def _state(self) -> ChildState:
        if self._process is None:
            return "paused" if self._deaths.is_pausing else "starting"
        if self._is_leaving:
            return "stopping"
        return "running" if self._was_ready else "starting"

    def _reason(self, state: ChildState) -> str:
        if state == "starting" and self._blocked_since is not None:
            return EARLIER
        return self._deaths.reason if state in ("starting", "paused") else ""
