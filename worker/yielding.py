"""Threads whose work can wait: they give way to whoever wants the processor.

A thread that is not privileged can give way and never take it back, so what may be urgent is
computed by other threads. The kernel weighs such a thread against those of other processes only
within one session (``autogroup``), which is why a node's workers share its own.
"""

from __future__ import annotations

import contextlib
import os
import threading

NICE = 10
"""Beside threads that want the whole core, a tenth of it. Not less: such a thread holds the
interpreter's lock at times, and whoever needs that, to renew a lease or to answer, waits until it
has run. At 19, a seventieth of a core, a machine with five times more to do than cores once let
them wait for 6 s, as long as a lease lasts."""


def give_way() -> None:
    """From now on the calling thread has hardly more than what no other thread wants."""
    # Where threads have no priorities of their own (macOS) it goes on as it is.
    thread = threading.get_native_id()
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, thread, os.getpriority(os.PRIO_PROCESS, thread) + NICE)
