"""A command on a terminal of the test's own, or in a pipe, and everything that it prints."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path


class Terminal:
    """A running command; ``width`` columns, or a pipe where there are none."""

    def __init__(
        self, command: Sequence[str], *, cwd: Path, env: Mapping[str, str], width: int | None
    ) -> None:
        self.seen = ""
        self._end, theirs = os.pipe() if width is None else os.openpty()
        if width is not None:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 30, width, 0, 0))
        self.process = subprocess.Popen(
            command, cwd=cwd, env={**env, "TERM": "xterm"}, stdout=theirs, stderr=theirs
        )
        os.close(theirs)

    def read(self) -> str:
        """What is printed next."""
        return os.read(self._end, 65_536).decode(errors="replace")

    def wait_for(self, text: str, timeout_s: float = 20.0) -> None:
        """Read until ``text`` is printed, anew; what was read is forgotten then."""
        give_up_at = time.monotonic() + timeout_s
        while text not in self.seen:
            assert time.monotonic() < give_up_at, f"no {text!r} in {self.seen[-2000:]!r}"
            if select.select([self._end], [], [], 0.1)[0]:
                self.seen += self.read()
        self.seen = self.seen.partition(text)[2]

    def interrupt(self) -> int:
        """Ctrl-C; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=10)

    def close(self) -> None:
        """Whatever happened."""
        self.process.kill()
        self.process.wait()
        os.close(self._end)
