"""supervisord with two changes: what a closed terminal means, and how long a pause may grow.

``millrace up`` becomes this process; its arguments are supervisord's.
"""

from __future__ import annotations

import contextlib
import os
import signal

from supervisor import process
from supervisor.medusa.asyncore_25 import ExitNow
from supervisor.options import ServerOptions
from supervisor.supervisord import Supervisor

LONGEST_PAUSE_S = 10


class Options(ServerOptions):
    def get_signal(self) -> int | None:
        """The next signal; a closed terminal ends the stack.

        supervisord takes SIGHUP for "read the configuration again": whoever closes the window
        would leave everything running, with no terminal to stop it from.
        """
        received: int | None = super().get_signal()
        if received != signal.SIGHUP:
            return received
        void = os.open(os.devnull, os.O_WRONLY)
        for stream in (1, 2):  # the terminal is gone; a warning written to it would be fatal
            os.dup2(void, stream)
        return signal.SIGTERM


class Subprocess(process.Subprocess):
    backoff: int

    def change_state(self, new_state: int, expected: bool = True) -> bool | None:
        """Restart with growing pauses, up to a limit.

        supervisord's pauses grow by a second each time, without one: a part that failed for a
        day would come back 7 minutes after its cause was removed.
        """
        self.backoff = min(self.backoff, LONGEST_PAUSE_S - 1)
        changed: bool | None = super().change_state(new_state, expected)
        return changed


def main() -> None:
    process.Subprocess = Subprocess  # ProcessConfig.make_process looks it up there
    options = Options()
    options.realize()
    options.first = True
    options.test = False
    with contextlib.suppress(ExitNow):  # how it leaves its loop when everything has stopped
        Supervisor(options).main()


if __name__ == "__main__":
    main()
