"""Threads whose work can wait: they compute while nobody else wants the processor.

A thread that is not privileged can give way and never take it back, so what may be urgent is
computed by other threads. The kernel weighs such a thread against those of other processes only
within one session (``autogroup``), which is why a node's workers share its own.
"""

from __future__ import annotations

import contextlib
import os
import threading

LEAST = 19
"""The lowest priority there is: beside a thread that computes, one or two hundredths of a core."""


def give_way() -> None:
    """From now on the calling thread computes when no other thread would."""
    # Where threads have no priorities of their own (macOS) it goes on as it is.
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LEAST)
