"""Long spins alone, short ones beside others: the decision, the measuring, the switch."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from worker.runtimes.llama import openmp, queueing, waiting
from worker.runtimes.llama.queueing import Times, between
from worker.runtimes.llama.waiting import CALM, CALM_S, CONTENDED, WINDOW_S, Decision

QUIET, UNCLEAR, BUSY = CALM / 2, (CALM + CONTENDED) / 2, CONTENDED
LASTING = round(CALM_S / WINDOW_S) + 1


def decided(*shares: float) -> bool:
    """Whether the spin is short after windows with these queued shares."""
    decision = Decision()
    for share in shares:
        decision = decision.after(share, WINDOW_S)
    return decision.short


def test_one_contended_window_is_enough() -> None:
    """A long spin beside somebody else costs too much to look twice."""
    assert decided(QUIET, BUSY)


def test_alone_the_spin_stays_long() -> None:
    """Neither calm windows nor unclear ones make it short."""
    assert not decided(*[QUIET, UNCLEAR] * LASTING)


def test_lasting_calm_brings_the_long_spin_back() -> None:
    """Two seconds of it, and not one second."""
    assert not decided(BUSY, *[QUIET] * LASTING)
    assert decided(BUSY, *[QUIET] * (LASTING // 2))


def test_calm_must_last_without_a_break() -> None:
    """Half the time, an unclear window, and half the time again is not lasting calm."""
    half = [QUIET] * (LASTING // 2)
    assert decided(BUSY, *half, UNCLEAR, *half)


def test_only_threads_that_lived_through_the_window_count() -> None:
    """A thread that began or ended in it would add what happened before or nothing."""
    before = {"1": Times(100, 10), "2": Times(50, 50)}
    after = {"1": Times(160, 30), "3": Times(999, 999)}
    assert between(before, after) == Times(60, 20)


def test_the_share_is_of_the_time_in_which_a_core_was_wanted() -> None:
    """Sleeping threads do not dilute it, and nobody who wanted one queued for none of it."""
    assert Times(300, 100).queued_share() == 0.25
    assert Times(0, 0).queued_share() == 0.0


@pytest.mark.skipif(queueing.read() is None, reason="this kernel keeps no schedstat")
def test_the_kernel_counts_what_a_thread_ran() -> None:
    """A loop of 50 ms appears in the times of this process."""
    before = queueing.read()
    end = time.thread_time() + 0.05
    while time.thread_time() < end:
        pass
    after = queueing.read()
    assert before is not None
    assert after is not None
    assert between(before, after).ran_ns >= 40_000_000


SWITCHED = """
import ctypes, os, time
from worker.runtimes.llama.waiting import Throttle
ctypes.CDLL("libgomp.so.1")
def threads(): return len(os.listdir("/proc/self/task"))
def settled(wanted):
    end = time.monotonic() + 5
    while threads() != wanted and time.monotonic() < end: time.sleep(0.01)
    return threads() == wanted
alone = threads()
throttle = Throttle(2)
for _ in range(2):
    throttle.on(); throttle.on()
    assert settled(alone + 2), threads()
    throttle.off(); throttle.off()
    assert settled(alone), threads()
"""


@pytest.mark.skipif(not openmp.switchable(), reason="llama.cpp does not wait in libgomp here")
def test_a_team_is_held_and_let_go() -> None:
    """The thread and its team of two appear once, and are gone after ``off``; twice over."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    command = [sys.executable, "-c", SWITCHED]
    run = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr


def test_nothing_is_watched_when_the_administrator_chose(monkeypatch: pytest.MonkeyPatch) -> None:
    """The length that is in the environment is the length that is used."""
    monkeypatch.setenv("GOMP_SPINCOUNT", "7")
    assert waiting.watch(2) is None


def test_one_thread_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """It waits for nobody."""
    environ: dict[str, str] = {}
    openmp.settle(environ, switchable=True)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert waiting.watch(1) is None


class Noted:
    """A throttle that only counts; libgomp has its own test."""

    def __init__(self) -> None:
        self.looks = 0

    def on(self) -> None: ...

    def off(self) -> None: ...


def test_an_idle_model_is_not_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """One step is one window with its two looks, and then nothing until the next step."""
    noted = Noted()
    read = queueing.read

    def counted() -> queueing.Threads | None:
        noted.looks += 1
        return read() or {}

    monkeypatch.setattr(queueing, "read", counted)
    watcher = waiting.Watcher(noted)  # type: ignore[arg-type]
    watcher.computing()
    time.sleep(4 * WINDOW_S)
    watcher.stop()
    assert noted.looks == 2
