"""The real stack, started as a user starts it, on free ports and with a data folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import httpx2 as httpx
import psutil
from openai import OpenAI

from tasks.connection import connect
from tasks.fleet import Fleet
from tasks.ledger import Ledger
from tasks.records import Records
from tasks.roster import Roster
from tasks.settings import QueueSettings
from tests.conftest import free_port

ADMIN_KEY = "the-key-of-these-tests"
MODELS = Path(__file__).with_name("models.toml")
BIN = Path(sys.executable).parent


def command_line(process: psutil.Process) -> str:
    """The command of a process; empty for one that has ended since it was listed."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


def parent_of(process: psutil.Process) -> int:
    """The parent's pid; 0 for a process that has ended since it was listed."""
    try:
        return process.ppid()
    except psutil.Error:
        return 0


class Stack:
    """``millrace up`` in a process group of its own.

    1. ``start`` returns when every model is served and the keeper reports.
    2. Tests use ``client`` and ``ledger``, and may kill parts: the runner restarts them.
    3. ``stop`` sends SIGTERM, as ``make`` does, and waits for the end; leaving a ``with`` does so.
    """

    def __init__(
        self, folder: Path, models: Path = MODELS, extra: Mapping[str, str] | None = None
    ) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            **os.environ,
            "MILLRACE_QUEUE_URL": f"redis://127.0.0.1:{free_port()}/0",
            "MILLRACE_CACHE_URL": f"redis://127.0.0.1:{free_port()}/0",
            "MILLRACE_API_PORT": str(self.port),
            "MILLRACE_DATA_DIR": str(folder),
            "MILLRACE_MODELS_FILE": str(models),
            "MILLRACE_ADMIN_KEY": ADMIN_KEY,
            # Most tests are about computing: an answer that is there already would prove nothing.
            "MILLRACE_CACHE": "off",
            **(extra or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None
        self.settings = QueueSettings(queue_url=self.environment["MILLRACE_QUEUE_URL"])
        redis = connect(self.settings.queue_url)
        self.ledger = Ledger(redis, self.settings)
        self.records = Records(redis, self.settings)
        self.roster = Roster(redis, self.settings)
        self.fleet = Fleet(redis, self.settings)
        self.client = OpenAI(base_url=f"{self.url}/v1", api_key="none", max_retries=0, timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Also one that did not become ready in time, or whose test failed: what goes on running
        # takes the processor from the tests that follow, and fails one of them when collected.
        self.stop()

    def start(self, timeout_s: float = 60) -> float:
        """Start everything; the seconds until it was ready."""
        began = time.monotonic()
        with (self.folder / "screen.log").open("wb") as screen:
            self.process = subprocess.Popen(
                [BIN / "millrace", "up"],
                env=self.environment,
                stdout=screen,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.wait_ready(timeout_s)
        return time.monotonic() - began

    def wait_ready(self, timeout_s: float = 60) -> None:
        """Wait until /ready says ok and a keeper is at work."""
        give_up_at = time.monotonic() + timeout_s
        answer = "no answer"
        while time.monotonic() < give_up_at:
            assert self.process is not None
            assert self.process.poll() is None, f"millrace up ended:\n{self.screen()}"
            try:
                response = httpx.get(f"{self.url}/ready", timeout=5)
                answer = response.text
                if response.status_code == 200 and response.json()["keeper"] == "ready":
                    return
            except httpx.TransportError:
                pass
            time.sleep(0.1)
        raise AssertionError(f"not ready after {timeout_s} s: {answer}\n{self.screen()}")

    def stop(self) -> None:
        """Stop everything, in order; nothing happens when nothing runs."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)

    def admin(self, method: str, path: str, **body: Any) -> httpx.Response:
        """A request to the admin API, with its key."""
        return httpx.request(
            method,
            f"{self.url}/admin/{path}",
            json=body or None,
            headers={"Authorization": f"Bearer {ADMIN_KEY}"},
            timeout=90,
        )

    def screen(self) -> str:
        """What the terminal shows."""
        return (self.folder / "screen.log").read_text()

    def log(self, part: str) -> str:
        """A part's log."""
        return "\n".join(p.read_text() for p in (self.folder / "log").glob(f"{part}*"))

    def processes(self) -> list[psutil.Process]:
        """Every process that was started by this stack and still lives."""
        mine = []
        for process in psutil.process_iter():
            try:
                ours = process.environ().get("MILLRACE_DATA_DIR") == str(self.folder)
                if ours and process.status() != psutil.STATUS_ZOMBIE:
                    mine.append(process)
            except psutil.Error:
                continue
        return mine

    def pid_of(self, *words: str) -> int:
        """The oldest process whose command line holds all ``words``."""
        found = [p for p in self.processes() if all(word in command_line(p) for word in words)]
        assert found, f"no process with {words}"
        return min(found, key=lambda process: process.create_time()).pid

    def workers_of(self, queue: str) -> list[psutil.Process]:
        """The processes that consume from ``queue``.

        Not what one of them is just starting: until its exec it bears its parent's command line.
        """
        words = f"-Q {queue} "
        found = {each.pid: each for each in self.processes() if words in command_line(each)}
        return [each for each in found.values() if parent_of(each) not in found]

    def node_pid(self) -> int:
        """The process of the node."""
        return next(p.pid for p in self.processes() if command_line(p).endswith("-m worker"))

    def kill(self, *words: str) -> int:
        """kill -9 the process whose command line holds all ``words``; its pid."""
        pid = self.pid_of(*words)
        os.kill(pid, signal.SIGKILL)
        return pid

    def kill_redis(self) -> None:
        """kill -9 the queue's Redis. It writes its title over its environment: told by its port."""
        port = self.settings.queue_url.rsplit(":", 1)[1].removesuffix("/0")
        for process in psutil.process_iter(["name", "cmdline"]):
            if process.info["name"] == "redis-server" and port in " ".join(process.info["cmdline"]):
                process.kill()
                return
        raise AssertionError("the queue's Redis is not running")

    def wait_for(self, *words: str, other_than: int) -> int:
        """Wait until another process than ``other_than`` has this command line; its pid."""
        for _ in range(200):
            found = [p.pid for p in self.processes() if all(w in command_line(p) for w in words)]
            if found and other_than not in found:
                return found[0]
            time.sleep(0.05)
        raise AssertionError(f"no new process with {words}")
