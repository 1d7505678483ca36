"""Long spins while the cores are ours, short ones while others want them: switched as it runs.

libgomp has no call for that. It spins shortly when the threads of all its teams in this process
outnumber the cores, so a thread that keeps a team of its own and does nothing with it makes the
model's team spin shortly; when that thread ends, its team goes and the long spin is back.
"""

from __future__ import annotations

import ctypes
import logging
import os
import threading
import time
from dataclasses import dataclass, replace

from worker.runtimes.llama import openmp, queueing

log = logging.getLogger(__name__)

WINDOW_S = 0.1
CONTENDED = 0.25
"""Queued share of a window from which others want our cores: short at once."""

CALM = 0.12
"""Below this a window is calm; in between nothing is concluded."""

CALM_S = 2.0
"""Calm for so long, and the spin is long again."""


@dataclass(frozen=True, slots=True)
class Decision:
    """What was concluded from all windows so far."""

    short: bool = False
    calm_s: float = 0.0

    def after(self, queued_share: float, window_s: float) -> Decision:
        """Contention counts at once, calm only when it lasts."""
        if queued_share >= CONTENDED:
            return Decision(short=True)
        if not self.short:
            return self
        calm_s = self.calm_s + window_s if queued_share < CALM else 0.0
        return Decision() if calm_s >= CALM_S else replace(self, calm_s=calm_s)


class Throttle:
    """The thread that holds a team of ``members``; ``on`` and ``off`` may be repeated."""

    def __init__(self, members: int) -> None:
        self._members = members
        # Only the libgomp that is loaded already: another one would count its own threads.
        self._libgomp = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOW | os.RTLD_NOLOAD)
        # What the team computes: free(NULL), which does nothing and needs no GIL.
        self._nothing = ctypes.cast(ctypes.CDLL(None).free, ctypes.c_void_p)
        self._libgomp.GOMP_parallel.argtypes = [
            ctypes.c_void_p,
            ctypes.c_void_p,
            ctypes.c_uint,
            ctypes.c_uint,
        ]
        self._libgomp.GOMP_parallel.restype = None
        self._release: threading.Event | None = None

    def on(self) -> None:
        """From now on waits are short."""
        if self._release is None:
            self._release = threading.Event()
            hold = threading.Thread(
                target=self._hold, args=(self._release,), name="short-spin", daemon=True
            )
            hold.start()

    def off(self) -> None:
        """Waits are long again as soon as the thread has ended."""
        if self._release is not None:
            self._release.set()
            self._release = None

    def _hold(self, release: threading.Event) -> None:
        self._libgomp.GOMP_parallel(self._nothing, None, self._members, 0)
        release.wait()


class Watcher:
    """Looks at the queues every 100 ms while the model computes, and not at all while it is idle.

    The thread that computes calls ``computing`` before every step.
    """

    def __init__(self, throttle: Throttle) -> None:
        self._throttle = throttle
        self._computing = threading.Event()
        self._stopped = False
        self._thread = threading.Thread(target=self._watch, name="spin-watcher", daemon=True)
        self._thread.start()

    def computing(self) -> None:
        """A step begins."""
        if not self._computing.is_set():
            self._computing.set()

    def stop(self) -> None:
        """End the thread, and leave the long spin."""
        self._stopped = True
        self._computing.set()
        self._thread.join()

    def _watch(self) -> None:
        decision = Decision()
        while self._wait_for_a_step() and (before := queueing.read()) is not None:
            began = time.monotonic()
            time.sleep(WINDOW_S)
            after = queueing.read()
            if after is None:
                break
            share = queueing.between(before, after).queued_share()
            decided = decision.after(share, time.monotonic() - began)
            if decided.short != decision.short:
                self._switch(decided.short, share)
            decision = decided
        self._throttle.off()

    def _wait_for_a_step(self) -> bool:
        self._computing.wait()
        self._computing.clear()
        return not self._stopped

    def _switch(self, short: bool, share: float) -> None:
        log.info("threads queue for %.0f%%: %s spin", 100 * share, "short" if short else "long")
        if short:
            self._throttle.on()
        else:
            self._throttle.off()


def watch(threads: int) -> Watcher | None:
    """Begin to watch for a model of so many threads; ``None`` where there is nothing to switch."""
    if threads < 2 or not openmp.switches(os.environ):
        return None
    cores = len(os.sched_getaffinity(0))
    try:
        # One more than fills the cores; the holding thread itself counts too.
        return Watcher(Throttle(max(2, cores - threads + 2)))
    except (OSError, AttributeError) as error:
        log.warning("libgomp cannot be switched, spins stay long: %s", error)
        return None
