"""One part of the stack as a process group that the harness may injure."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

from runner.parts import Part

ROOT = Path(__file__).resolve().parents[1]
# A part that dies as young as this is in a loop of crashes: it gets pauses, as under the runner.
YOUNG_S = 1.0
LONGEST_PAUSE_S = 10.0


@dataclass(frozen=True, slots=True)
class Reading:
    """What all processes of a part hold together."""

    rss_bytes: int
    descriptors: int
    threads: int


class Process:
    """A part under the harness's control: restarted when it dies, unless it is held down.

    A death is answered at once, as the runner answers one of a part that had settled. (The runner
    takes a kill within 10 s of a start for a failing start and waits a second more with each: an
    artefact of killing the same part a hundred times in minutes, which no outage does.)
    """

    def __init__(self, part: Part, env: Mapping[str, str], logs: Path) -> None:
        self.part = part
        self.env = dict(env)
        self.log = logs / f"{part.name}.log"
        self.held_down = True
        self.deaths = 0
        self.freezes = 0
        self._lock = threading.RLock()
        self._process: subprocess.Popen[bytes] | None = None
        self._started = 0.0
        self._young = 0
        self._mourned = True
        self._restart_at = 0.0

    @property
    def name(self) -> str:
        """The part's name, as its log's."""
        return self.part.name

    @property
    def pid(self) -> int:
        """The process's id, which is its group's too; 0 while there is none."""
        process = self._process
        return process.pid if process is not None and process.poll() is None else 0

    @property
    def alive(self) -> bool:
        """Whether it runs (frozen counts)."""
        return self.pid != 0

    @property
    def injuries(self) -> int:
        """Deaths and freezes so far: each may end the attempts that run in it."""
        return self.deaths + self.freezes

    def start(self) -> None:
        """Start it, and restart it from now on when it dies."""
        with self._lock:
            self.held_down = False
            if not self.alive:
                self._mourn()
                self._spawn()

    def look(self) -> None:
        """Restart it if it died; called every few milliseconds by the yard."""
        with self._lock:
            if self._process is None or self.alive:
                return
            self._mourn()
            if not self.held_down and time.monotonic() >= self._restart_at:
                self._spawn()

    def kill(self) -> int:
        """kill -9 all of its processes, and wait until they are gone; the pid that it was."""
        with self._lock:
            pid = self._send(signal.SIGKILL)
            if self._process is not None:
                self._process.wait()
            return pid

    def freeze(self) -> None:
        """SIGSTOP."""
        self.freezes += 1
        self._send(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._send(signal.SIGCONT)

    def term(self) -> int:
        """SIGTERM to its main process, as a supervisor sends it; the pid that it was."""
        pid = self.pid
        if pid:
            os.kill(pid, signal.SIGTERM)
        return pid

    def hold_down(self) -> None:
        """Do not restart it until ``start``; it is not killed by this."""
        with self._lock:
            self.held_down = True

    def wait_gone(self, pid: int, timeout_s: float) -> bool:
        """Wait until the process that was ``pid`` has ended; False when it did not in time."""
        give_up_at = time.monotonic() + timeout_s
        while self.pid == pid and time.monotonic() < give_up_at:
            time.sleep(0.01)
        return self.pid != pid

    def stop(self) -> None:
        """End it for good: SIGTERM, and SIGKILL to what is left after its time."""
        self.hold_down()
        self.thaw()
        pid = self.term()
        if pid and not self.wait_gone(pid, self.part.stop_s + 5):
            self.kill()
        with self._lock:
            self._mourn()

    def reading(self) -> Reading:
        """Memory, descriptors and threads of all of its processes now."""
        rss = descriptors = threads = 0
        for process in self._processes():
            with contextlib.suppress(psutil.Error):
                rss += process.memory_info().rss
                descriptors += process.num_fds()
                threads += process.num_threads()
        return Reading(rss, descriptors, threads)

    def said(self, characters: int = 2000) -> str:
        """The end of its log."""
        return self.log.read_text(errors="replace")[-characters:] if self.log.exists() else ""

    def _spawn(self) -> None:
        self._started = time.monotonic()
        self._mourned = False
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                self.part.command,
                cwd=ROOT,
                env=self.env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def _mourn(self) -> None:
        if self._mourned:
            return
        self._mourned = True
        self.deaths += 1
        self._young = self._young + 1 if time.monotonic() - self._started < YOUNG_S else 0
        self._restart_at = time.monotonic() + min(self._young, LONGEST_PAUSE_S)
        self._sweep()

    def _send(self, number: signal.Signals) -> int:
        pid = self.pid
        if pid:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, number)
        return pid

    def _sweep(self) -> None:
        # What a dead leader left in its group: gunicorn's workers live on for a second.
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def _processes(self) -> list[psutil.Process]:
        try:
            leader = psutil.Process(self.pid) if self.pid else None
            return [leader, *leader.children(recursive=True)] if leader else []
        except psutil.Error:
            return []
