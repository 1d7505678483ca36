"""A real node in a process of its own, on a real Redis, with workers of the echo runtime."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from tasks.connection import connect
from tasks.fleet import Assignment, Child, Fleet, NodeReport
from tasks.gateway import Gateway, live_gateway
from tasks.jobs import ChatJob, Message, new_id
from tasks.roster import Roster
from tasks.settings import QueueSettings
from tests.conftest import RedisServer

ROOT = Path(__file__).resolve().parents[3]

MODELS = """
[[model]]
name = "fast"
aliases = ["quick"]
kind = "chat"
source = "echo:"
slots = 2

[[model]]
name = "slow"
kind = "chat"
source = "echo:"
slots = 2
tokens_per_s = 20

[[model]]
name = "broken"
kind = "chat"
source = "path:no-such-file.gguf"
"""


def eventually(happened: Callable[[], object], within_s: float = 15.0) -> None:
    """Until it happened."""
    deadline = time.monotonic() + within_s
    while not happened():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


class Stand:
    """One node's place: its folder, its environment, and what the fleet says of it."""

    def __init__(self, redis: RedisServer, folder: Path) -> None:
        self.name = folder.name.replace("_", "-")[:60]
        self.folder = folder
        self.models = folder / "models.toml"
        self.models.write_text(MODELS)
        self.environment = {
            **os.environ,
            "MILLRACE_QUEUE_URL": redis.url,
            "MILLRACE_KEY_PREFIX": self.name,
            "MILLRACE_MODELS_FILE": str(self.models),
            "MILLRACE_DATA_DIR": str(folder / "data"),
            "MILLRACE_NODE": self.name,
        }
        self.settings = QueueSettings(
            queue_url=redis.url, key_prefix=self.name, models_file=self.models
        )
        self.client = connect(redis.url)
        self.fleet = Fleet(self.client, self.settings)
        self.roster = Roster(self.client, self.settings)
        self._gateway: Gateway | None = None
        self.nodes: list[subprocess.Popen[str]] = []

    @property
    def gateway(self) -> Gateway:
        """The way in for jobs."""
        self._gateway = self._gateway or live_gateway(self.settings)
        return self._gateway

    @property
    def node(self) -> subprocess.Popen[str]:
        """The node that was started last."""
        return self.nodes[-1]

    def start(self, **environment: str) -> None:
        """Another node of this name."""
        self.nodes.append(
            subprocess.Popen(
                [sys.executable, "-m", "worker"],
                cwd=ROOT,
                env=self.environment | environment,
                stderr=subprocess.PIPE if environment.get("SHOWN") else subprocess.DEVNULL,
                text=True,
            )
        )

    def assign(self, *models: str, order: str = "serve", device: str = "cpu") -> None:
        """Assign these models, and no others."""
        given = {name: Assignment(device, order) for name in models}  # type: ignore[arg-type]
        self.fleet.assign(self.name, given)

    def report(self) -> NodeReport | None:
        """What the node says, while it does."""
        return self.fleet.nodes().get(self.name)

    def child(self, model: str) -> Child | None:
        """What the node says of a child."""
        report = self.report()
        return report.children.get(model) if report else None

    def running(self, model: str) -> int:
        """The pid of the model's worker, once it is ready; else 0."""
        child = self.child(model)
        return child.pid if child is not None and child.state == "running" else 0

    def workers(self) -> list[psutil.Process]:
        """Every worker process of this node's name, or of an earlier node's.

        What a worker starts looks like the worker itself for the moment before it is something
        else: it is not counted.
        """
        found: dict[int, tuple[int, psutil.Process]] = {}
        for process in psutil.process_iter():
            try:
                if any(word.endswith(f"@{self.name}") for word in process.cmdline()):
                    found[process.pid] = process.ppid(), process
            except psutil.Error:
                continue
        return [process for parent, process in found.values() if parent not in found]

    def enqueue(self, model: str, text: str) -> str:
        """A job; its id."""
        job_id = new_id()
        self.gateway.enqueue(ChatJob(id=job_id, model=model, messages=(Message("user", text),)))
        return job_id

    def state(self, job_id: str) -> str:
        """A job's state."""
        return str(self.gateway.ledger.record(job_id)["state"])

    def close(self) -> None:
        """Nothing of it is left."""
        for node in self.nodes:
            node.send_signal(signal.SIGTERM)
        for node in self.nodes:
            node.wait(20)
            if node.stderr:
                node.stderr.close()
        for process in self.workers():
            process.kill()
        if self._gateway is not None:
            self._gateway.close()
            self._gateway.redis.close()
        for queue in ("chat.fast", "chat.slow", "chat.broken"):
            self.client.delete(queue)
        self.client.close()


@pytest.fixture
def stand(redis_server: RedisServer, tmp_path: Path) -> Iterator[Stand]:
    """A place for a node; none is started yet."""
    stand = Stand(redis_server, tmp_path)
    yield stand
    stand.close()
