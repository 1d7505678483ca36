"""The real supervisor over real Redis servers and one part of the test's own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from redis import Redis
from redis.exceptions import RedisError
from supervisor.states import ProcessStates

from runner.config import prepare_folders, render
from runner.parts import Part, Stage, redis_part
from runner.settings import RunnerSettings
from runner.supervise import LONGEST_PAUSE_S, Subprocess, Terminal
from tests.runner.conftest import free_port

ROOT = Path(__file__).resolve().parents[2]
BACK_WITHIN_S = 15
STOPPED_WITHIN_S = 15

# Leaves its process id, and on SIGTERM a note whether Redis was still there.
WORKER = """
import os, pathlib, signal, sys, time
from redis import Redis
def stop(*_):
    pathlib.Path("stopped").write_text(str(Redis.from_url(sys.argv[1]).ping()))
    sys.exit(0)
signal.signal(signal.SIGTERM, stop)
pathlib.Path("worker.pid").write_text(str(os.getpid()))
while True:
    time.sleep(1)
"""


class Stack:
    """A running supervisor, and what the tests ask about it."""

    def __init__(self, folder: Path, screen: int = subprocess.DEVNULL) -> None:
        self.folder = folder
        self.settings = RunnerSettings(
            data_dir=folder / "data",
            queue_url=f"redis://127.0.0.1:{free_port()}/0",
            cache_url=f"redis://127.0.0.1:{free_port()}/0",
            queue_fsync="always",
        )
        (folder / "worker.py").write_text(WORKER)
        command = (sys.executable, "worker.py", self.settings.queue_url)
        parts = [
            *(redis_part(role) for role in ("queue", "cache")),
            Part("worker", command, Stage.WORK, settle_s=1, stop_s=5),
        ]
        prepare_folders(self.settings)
        config = folder / "supervisord.conf"
        config.write_text(render(self.settings, parts, folder, None))
        env = os.environ | {
            "PYTHONPATH": str(ROOT),
            "MILLRACE_DATA_DIR": str(self.settings.data_dir),
            "MILLRACE_QUEUE_URL": self.settings.queue_url,
            "MILLRACE_CACHE_URL": self.settings.cache_url,
            "MILLRACE_QUEUE_FSYNC": "always",
        }
        supervise = [sys.executable, "-m", "runner.supervise", "-n", "-c", str(config)]
        self.process = psutil.Popen(
            supervise,
            cwd=folder,
            env=env,
            stdout=screen,
            stderr=screen,
            # Below nohup the signal is ignored, and these tests are about what it does.
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
        )
        eventually(self.complete)

    def complete(self) -> bool:
        return all((self.redis_pid("queue"), self.redis_pid("cache"), self.worker_pid()))

    def redis_pid(self, role: str) -> int | None:
        url = self.settings.queue_url if role == "queue" else self.settings.cache_url
        try:
            with Redis.from_url(url) as client:
                info: Any = client.info("server")
        except RedisError:
            return None
        return int(info["process_id"])

    def worker_pid(self) -> int | None:
        try:
            pid = int((self.folder / "worker.pid").read_text())
        except (OSError, ValueError):
            return None
        return pid if psutil.pid_exists(pid) else None

    def end(self, number: int) -> list[psutil.Process]:
        """Send the signal; the processes that were left when time was up."""
        family = [self.process, *self.process.children(recursive=True)]
        self.process.send_signal(number)
        left: list[psutil.Process] = psutil.wait_procs(family, timeout=STOPPED_WITHIN_S)[1]
        return left


def eventually(happened: Callable[[], object]) -> None:
    deadline = time.monotonic() + BACK_WITHIN_S
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    stack = Stack(tmp_path)
    yield stack
    clean_up(stack)


def clean_up(stack: Stack) -> None:
    family: list[psutil.Process] = [stack.process]
    if stack.process.is_running():
        family += stack.process.children(recursive=True)
    for process in family:
        if process.is_running():
            process.kill()
    stack.process.wait()


def test_killed_queue_is_back_with_its_data(stack: Stack) -> None:
    """A queue's Redis that is killed is back within seconds, with every acknowledged write."""
    killed = stack.redis_pid("queue")
    assert killed is not None
    with Redis.from_url(stack.settings.queue_url) as client:
        client.set("kept", "yes")
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: stack.redis_pid("queue") not in (None, killed))
    with Redis.from_url(stack.settings.queue_url) as client:
        assert client.get("kept") == b"yes"


def test_killed_worker_is_back_alone(stack: Stack) -> None:
    """A worker that is killed is restarted, and nothing else is."""
    killed, queue = stack.worker_pid(), stack.redis_pid("queue")
    assert killed is not None
    os.kill(killed, signal.SIGKILL)
    eventually(lambda: stack.worker_pid() not in (None, killed))
    assert stack.redis_pid("queue") == queue


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_stop_is_ordered_and_leaves_nothing(stack: Stack, number: int) -> None:
    """SIGTERM, Ctrl-C and a closed terminal stop the worker before Redis, and leave no process."""
    assert stack.end(number) == []
    assert (stack.folder / "stopped").read_text() == "True"


def test_a_killed_supervisor_leaves_nothing(stack: Stack) -> None:
    """Its parts are told to stop by the kernel, and free their ports for the next start."""
    assert stack.end(signal.SIGKILL) == []


def test_unwritable_screen_is_no_danger(tmp_path: Path) -> None:
    """A supervisor whose warnings cannot be written still stops everything."""
    reader, writer = os.pipe()
    os.close(reader)
    stack = Stack(tmp_path, screen=writer)
    os.close(writer)
    try:
        assert stack.end(signal.SIGTERM) == []
    finally:
        clean_up(stack)


def test_closed_terminal_is_noticed() -> None:
    """A terminal that was closed is told from one that is merely silent."""
    screen, keyboard = os.openpty()
    terminal = Terminal(keyboard)
    assert not terminal.has_gone()
    os.close(screen)
    assert terminal.has_gone()
    os.close(keyboard)


def test_no_terminal_is_none_that_closed() -> None:
    """Without a terminal (a service, CI) the end of standard input means nothing."""
    reader, writer = os.pipe()
    os.close(writer)
    assert not Terminal(reader).has_gone()
    os.close(reader)


def test_pauses_of_a_crashing_part_are_bounded() -> None:
    """However often a part dies at its start, the next try is at most 10 s away."""
    part = Subprocess(SimpleNamespace(name="part", options=SimpleNamespace()))
    for _ in range(50):
        part.change_state(ProcessStates.STARTING)
        part.change_state(ProcessStates.BACKOFF)
    assert part.backoff == LONGEST_PAUSE_S
    assert part.delay - time.time() <= LONGEST_PAUSE_S
