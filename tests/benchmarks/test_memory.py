"""Which process is which part, and what is flat."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from benchmarks import memory
from benchmarks.memory import Reading

REDIS = "/env/bin/redis-server 127.0.0.1"


@pytest.mark.parametrize(
    ("command", "part"),
    [
        ([f"{REDIS}:4001", "", ""], "Redis, queue"),
        ([f"{REDIS}:4002"], "Redis, cache"),
        (["redis-aof-rewrite 127.0.0.1:4001"], None),
        (["python", "-m", "worker"], "node"),
        (["python", "celery", "-A", "app.keeper", "worker", "-Q", "keeper"], "keeper"),
        (["python", "celery", "-A", "worker", "-Q", "chat.m", "-n", "chat.m@vm"], "worker, chat"),
        (["python", "celery", "-A", "worker", "worker", "-Q", "embed.m"], "worker, embed"),
        (["python", "gunicorn", "-c", "app/gunicorn_conf.py", "app:create_app()"], "API"),
        (["python", "-m", "runner.supervise", "-n"], None),
    ],
)  # fmt: skip
def test_a_process_is_known_by_its_command(command: list[str], part: str | None) -> None:
    """A fork of Redis, which shares its parent's memory, is none."""
    assert memory.part_of(command, 4001, 4002) == part


def readings(*mib: float) -> list[Reading]:
    """One part's memory, a reading a second."""
    return [Reading(float(at), {"keeper": each}) for at, each in enumerate(mib)]


def test_halves_are_of_the_time() -> None:
    """The peak of each is told, wherever in it."""
    first, second = memory.halves(readings(10, 30, 20, 40, 10))
    assert (first["keeper"], second["keeper"]) == (30, 40)


def test_growth_is_that_of_the_part_that_grew_most() -> None:
    """A part that is not there does not count."""
    first = {"API": 100.0, "keeper": 50.0, "Redis, cache": 0.0}
    second = {"API": 90.0, "keeper": 60.0, "Redis, cache": 0.0}
    assert memory.growth(first, second) == pytest.approx(1.2)


def test_a_tree_is_read_while_the_block_runs() -> None:
    """The process that holds something is found below the root, and no other that runs here."""
    part = "[sys.executable, '-c', 'import time; time.sleep(60)', 'app.keeper']"
    starter = f"import subprocess, sys; subprocess.run({part})"
    with subprocess.Popen([sys.executable, "-c", starter], start_new_session=True) as root:
        try:
            while not psutil.Process(root.pid).children():
                time.sleep(0.02)
            with memory.watched(root.pid, 4001, 4002) as seen:
                time.sleep(0.1)
        finally:
            os.killpg(root.pid, signal.SIGKILL)
    assert len(seen) >= 2
    assert seen[-1].mib["keeper"] > 1
    assert seen[-1].mib["API"] == 0
