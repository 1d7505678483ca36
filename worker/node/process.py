"""A process that the node started: on its leash, in a process group of its own, with its lock.

It stays in the node's session. To Linux a session is a group of its own that gets its share of each
core whatever its threads' priorities are (``autogroup``): one worker's work that can wait would
take half of a core from another's work that cannot.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping

from tasks import hosts
from worker.node.launch import leashed


class Process:
    """A child of this process, from its start until it was buried.

    It has to be started by the main thread: the kernel counts the death of the thread that
    started a process as that of its parent.
    """

    def __init__(
        self, command: tuple[str, ...], environment: Mapping[str, str], lock: int, log: int
    ) -> None:
        """Start it; it holds ``lock`` from now on. Raises ``OSError`` when there is no room."""
        self._popen = subprocess.Popen(
            leashed(command, lock),
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock,),
            process_group=0,
        )
        self.pid = self._popen.pid
        self.name = (self.pid, hosts.born(self.pid) or 0)

    def terminate(self) -> None:
        """SIGTERM."""
        self._popen.terminate()

    def kill(self) -> None:
        """SIGKILL, to whatever it started as well."""
        # Until it is buried its pid is that of no other process, nor of another's group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def bury(self) -> str | None:
        """How it died; None while it lives."""
        if os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            return None
        self.kill()
        status = self._popen.wait()
        return f"killed by signal {-status}" if status < 0 else f"ended with status {status}"
