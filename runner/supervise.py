"""supervisord with changes: what a closed terminal means, how long a pause may grow, its death.

``millrace up`` becomes this process; its arguments are supervisord's.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import sys

from supervisor import loggers, process
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor

LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1
LONGEST_PAUSE_S = 10
STREAMS = (0, 1, 2)


class Options(ServerOptions):
    """Options that end the stack with its terminal.

    supervisord takes SIGHUP for "read the configuration again": whoever closes the window would
    leave everything running, with no terminal to stop it from. And where make itself leads the
    terminal's session (``ssh -t host make run``), nobody but make gets that signal.
    """

    def __init__(self) -> None:
        super().__init__()
        self.detached = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN  # started by nohup
        self.terminal = Terminal(sys.stdin.fileno())

    def get_signal(self) -> int | None:
        """The next signal; asked for at least once a second."""
        received: int | None = super().get_signal()
        if received == signal.SIGHUP and self.detached:
            return None
        if received == signal.SIGHUP or self.terminal.has_gone():
            self.terminal.let_go()
            return signal.SIGTERM
        return received


class Terminal:
    """The terminal that this process was started from, if there is one."""

    def __init__(self, stdin: int) -> None:
        self.watched = os.isatty(stdin)
        self.poll = select.poll()
        self.poll.register(stdin, 0)  # tells of a hang-up without reading

    def has_gone(self) -> bool:
        return self.watched and any(event & select.POLLHUP for _, event in self.poll.poll(0))

    def let_go(self) -> None:
        """Write to nowhere from now on."""
        self.watched = False
        void = os.open(os.devnull, os.O_RDWR)
        for stream in STREAMS:
            os.dup2(void, stream)
        os.close(void)


class Subprocess(process.Subprocess):
    backoff: int

    def _spawn_as_child(self, filename: str, argv: list[str]) -> None:
        """In the child, before its command: it is told to stop when the supervisor dies.

        After ``kill -9`` of supervisord its parts lived on, with nobody to restart or stop them,
        and held the ports against the next start.
        """
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        super()._spawn_as_child(filename, argv)

    def change_state(self, new_state: int, expected: bool = True) -> bool | None:
        """Restart with growing pauses, up to a limit.

        supervisord's pauses grow by a second each time, without one: a part that failed for a
        day would come back 7 minutes after its cause was removed.
        """
        self.backoff = min(self.backoff, LONGEST_PAUSE_S - 1)
        changed: bool | None = super().change_state(new_state, expected)
        return changed


def lose_the_line(handler: loggers.Handler) -> None:
    """What happens to a log line that cannot be written.

    supervisord prints a traceback to standard error: where that is the closed terminal as well,
    it died of its own warning and left every part running (seen).
    """


def main() -> None:
    process.Subprocess = Subprocess  # ProcessConfig.make_process looks it up there
    loggers.Handler.handleError = lose_the_line
    options = Options()
    options.realize()
    options.first = True
    options.test = False
    with contextlib.suppress(ExitNow):  # how it leaves its loop when everything has stopped
        Supervisor(options).main()


if __name__ == "__main__":
    main()
