"""A part in the harness's hand: what is killed comes back, what is held down does not."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from faults.part import Process
from runner.parts import Part, Stage

SLEEPER = "import time; time.sleep(60)"
# Its child outlives it, in its group.
PARENT = f"import subprocess, sys; subprocess.run([sys.executable, '-c', '{SLEEPER}'])"


def part(program: str, folder: Path) -> Process:
    """A part that runs a line of Python."""
    command = (sys.executable, "-c", program)
    return Process(Part("sleeper", command, Stage.WORK, settle_s=1, stop_s=2), os.environ, folder)


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """A part that does nothing, watched as a yard watches its parts."""
    process = part(SLEEPER, tmp_path)
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(0.01):
            process.look()

    thread = threading.Thread(target=watch)
    thread.start()
    process.start()
    yield process
    ended.set()
    thread.join()
    process.stop()


def later(process: Process, pid: int) -> int:
    """The pid that follows ``pid``, within 5 s; 0 when none does."""
    give_up_at = time.monotonic() + 5
    while process.pid in {0, pid} and time.monotonic() < give_up_at:
        time.sleep(0.01)
    return process.pid if process.pid != pid else 0


def test_a_killed_part_comes_back_and_its_death_is_counted(sleeper: Process) -> None:
    """As another process."""
    time.sleep(1.1)  # older than a part that is in a loop of crashes
    pid = sleeper.kill()
    assert not psutil.pid_exists(pid)
    assert later(sleeper, pid)
    assert sleeper.deaths == 1


def test_a_part_that_dies_young_gets_a_pause(sleeper: Process) -> None:
    """A loop of crashes must not eat the machine."""
    began = time.monotonic()
    assert later(sleeper, sleeper.kill())
    assert time.monotonic() - began >= 1


def test_a_part_that_is_held_down_stays_down_until_it_is_started(sleeper: Process) -> None:
    """Its death is counted all the same."""
    sleeper.hold_down()
    pid = sleeper.kill()
    time.sleep(0.3)
    assert not sleeper.alive
    assert sleeper.deaths == 1
    sleeper.start()
    assert later(sleeper, pid)


def test_a_death_is_counted_once_whoever_restarts_the_part(tmp_path: Path) -> None:
    """``start`` may come before the yard has looked."""
    process = part(SLEEPER, tmp_path)
    process.start()
    pid = process.kill()
    process.start()
    process.look()
    assert process.pid not in {0, pid}
    assert process.deaths == 1
    process.stop()


def test_a_frozen_part_lives_and_does_nothing(sleeper: Process) -> None:
    """Until it is thawed; a freeze is an injury as a death is."""
    sleeper.freeze()
    deadline = time.monotonic() + 5
    while psutil.Process(sleeper.pid).status() != psutil.STATUS_STOPPED:
        assert time.monotonic() < deadline
    assert sleeper.alive
    sleeper.thaw()
    assert sleeper.injuries == 1


def test_no_process_of_a_part_is_left_behind(tmp_path: Path) -> None:
    """Children that outlive their parent go with its group."""
    process = part(PARENT, tmp_path)
    process.start()
    children: list[psutil.Process] = []
    deadline = time.monotonic() + 5
    while not children and time.monotonic() < deadline:
        children = psutil.Process(process.pid).children()
    process.stop()
    gone, left = psutil.wait_procs(children, timeout=5)
    assert gone
    assert not left
