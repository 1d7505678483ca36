"""A worker as a node starts it: Celery, a real Redis, an echo model or one that does not load."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tasks.celery import make_celery, publish_ticket
from tasks.jobs import ChatJob, Message, new_id
from tasks.ledger import Ledger
from tasks.roster import Report, Roster
from tasks.settings import QueueSettings

CATALOG = """
[[model]]
name = "{name}"
kind = "chat"
source = "{source}"
runtime = "{runtime}"
slots = 2
context = 512
tokens_per_s = 20
"""
TEXT = " ".join(str(number) for number in range(150))


class Box:
    """One model's queue and the workers of it; they all end with the test."""

    def __init__(self, folder: Path, settings: QueueSettings, ledger: Ledger) -> None:
        self.name = settings.key_prefix
        self.queue = f"chat.{self.name}"
        self.ledger = ledger
        self.roster = Roster(ledger.redis, settings)
        self.celery = make_celery(settings)
        self.workers: list[subprocess.Popen[str]] = []
        self._folder = folder
        self._environment = {
            **os.environ,
            "MILLRACE_QUEUE_URL": settings.queue_url,
            "MILLRACE_KEY_PREFIX": settings.key_prefix,
            "MILLRACE_MODELS_FILE": str(folder / "models.toml"),
            "MILLRACE_DATA_DIR": str(folder),
            "MILLRACE_FLEET_NODE": "box",
            "MILLRACE_DEVICE": "cpu",
        }

    def start(self, node: str, source: str = "echo:", runtime: str = "echo") -> None:
        """A worker by this name."""
        text = CATALOG.format(name=self.name, source=source, runtime=runtime)
        (self._folder / "models.toml").write_text(text)
        command = [
            *(str(Path(sys.executable).with_name("celery")), "-A", "worker", "worker"),
            *("-Q", self.queue, "-n", node, "-P", "threads", "-c", "2", "-l", "info"),
            *("--without-gossip", "--without-mingle"),
        ]
        self.workers.append(
            subprocess.Popen(
                command,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )

    def report(self, node: str) -> Report | None:
        """What the worker says of itself."""
        reports = self.roster.workers(self.queue).values()
        return next((report for report in reports if report.node == node), None)

    def state(self, node: str) -> str:
        """The worker's state; empty when it says nothing."""
        report = self.report(node)
        return report.state if report else ""

    def ask(self, max_tokens: int | None = None) -> str:
        """A job with its ticket."""
        message = Message("user", TEXT)
        job = ChatJob(id=new_id(), model=self.name, messages=(message,), max_tokens=max_tokens)
        self.ledger.accept(job, self.queue)
        publish_ticket(self.celery, self.queue, job.id)
        return job.id

    def inspect(self, command: str, node: str) -> Any:
        """What the worker answers."""
        sent = self.celery.control.broadcast(
            command, destination=[node], reply=True, timeout=5, limit=1
        )
        return next((answer[node] for answer in sent or () if node in answer), None)

    def close(self) -> None:
        """End everything."""
        for worker in self.workers:
            if worker.poll() is None:
                worker.send_signal(signal.SIGTERM)
        for worker in self.workers:
            worker.communicate(timeout=20)
        self.ledger.redis.delete(self.queue)


@pytest.fixture
def box(tmp_path: Path, settings: QueueSettings, ledger: Ledger) -> Iterator[Box]:
    """Nothing runs yet."""
    box = Box(tmp_path, settings, ledger)
    yield box
    box.close()


def wait_for(condition: Callable[[], bool], timeout_s: float = 20.0) -> None:
    """Until the condition holds."""
    give_up_at = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < give_up_at
        time.sleep(0.02)


def test_a_worker_that_drains_leaves_the_queue_to_the_other(box: Box) -> None:
    """Its two jobs end where they began; the rest and all that comes is the other's."""
    first, second = f"{box.queue}@first", f"{box.queue}@second"
    box.start(first)
    wait_for(lambda: box.state(first) == "ready")
    begun = [box.ask(), box.ask()]
    wait_for(lambda: all(len(box.ledger.log(job_id)) > 1 for job_id in begun))
    slots = box.inspect("slots", first)
    assert {slot["job"] for slot in slots.values()} == set(begun)
    assert all(slot["state"] == "generating" for slot in slots.values())
    assert all(slot["position"] >= slot["prompt_tokens"] > 0 for slot in slots.values())

    box.start(second)
    wait_for(lambda: box.state(second) == "ready")
    box.roster.ask_to_drain(box.queue, first)
    wait_for(lambda: box.state(first) == "draining", 2)
    assert box.report(first).busy == 2  # type: ignore[union-attr]
    rest = [box.ask(max_tokens=4) for _ in range(6)]
    wait_for(lambda: all(box.ledger.state(job_id) == "done" for job_id in rest))
    assert {box.ledger.state(job_id) for job_id in begun} == {"running"}
    wait_for(lambda: all(box.ledger.state(job_id) == "done" for job_id in begun))
    assert all(box.ledger.record(job_id)["attempt"] == "1" for job_id in begun + rest)
    wait_for(lambda: box.report(first).busy == 0, 2)  # type: ignore[union-attr]

    told = box.inspect("models", first)
    assert (told["name"], told["state"], told["busy"]) == (box.name, "draining", 0)
    assert (told["fleet_node"], told["pid"]) == ("box", box.workers[0].pid)
    idle = box.inspect("slots", first).values()
    assert {slot["state"] for slot in idle} == {"idle"}
    assert all(slot["position"] > 0 for slot in idle)
    assert box.workers[0].poll() is None


def test_the_inspect_command_drains_too(box: Box) -> None:
    """A ticket that lies there afterwards stays there, and the process answers until its end."""
    node = f"{box.queue}@only"
    box.start(node)
    wait_for(lambda: box.state(node) == "ready")
    assert box.inspect("drain", node) == {"state": "draining", "busy": 0}
    job_id = box.ask()
    time.sleep(2.5)  # Celery asks Redis for a second at a time
    assert box.ledger.state(job_id) == "queued"
    assert box.ledger.redis.llen(box.queue) == 1
    assert box.inspect("active_queues", node) == []
    box.workers[0].send_signal(signal.SIGTERM)
    assert box.workers[0].wait(10) == 0


def test_a_model_that_does_not_load_ends_its_worker_in_good_order(box: Box, tmp_path: Path) -> None:
    """The report has the reason and outlives the process; no traceback, and no long pause."""
    damaged = tmp_path / "model.gguf"
    damaged.write_bytes(b"GGUF" + bytes(60))
    node = f"{box.queue}@only"
    began = time.monotonic()
    box.start(node, f"path:{damaged}", "llama")
    output, _ = box.workers[0].communicate(timeout=20)
    assert box.workers[0].returncode == 1
    assert time.monotonic() - began < 5
    assert "Traceback" not in output
    assert "no sound GGUF file" in output
    report = box.report(node)
    assert report is not None
    assert report.state == "failed"
    assert "no sound GGUF file" in (report.reason or "")


def test_a_queue_of_no_model_ends_its_worker_with_a_sentence(box: Box) -> None:
    """A definition that was taken back is no reason for a traceback."""
    box.queue = "chat.nothing-of-that-name"
    box.start("nobody@only")
    output, _ = box.workers[0].communicate(timeout=20)
    assert box.workers[0].returncode == 1
    assert "Traceback" not in output
    assert "no model has the queue" in output
