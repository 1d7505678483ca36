"""How a worker's process is started: its command, its environment, its log."""

from __future__ import annotations

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from tasks.model import Model
from worker.pinning import pin

_LONGEST_LOG_BYTES = 10 << 20


def part_name(queue: str) -> str:
    """The queue's name as a file may be called; the runner's parts are called so too."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", queue)


def worker_name(model: Model, node: str) -> str:
    """The worker's name to Celery's remote control. Two nodes may be on one host."""
    return f"{model.queue}@{node}"


def worker_command(model: Model, node: str, log_level: str) -> tuple[str, ...]:
    """The Celery worker of one model.

    Threads, because the solo pool cannot answer ``inspect ping`` while it is busy and prefork
    would hold the model once per slot. Workers of other queues are nobody to gossip with.
    """
    celery = str(Path(sys.executable).parent / "celery")
    return (
        *(celery, "-A", "worker", "worker", "-Q", model.queue, "-n", worker_name(model, node)),
        *("-P", "threads", "-c", str(model.slots), "--without-gossip", "--without-mingle"),
        *("-l", log_level),
    )


def leashed(command: tuple[str, ...], lock: int) -> tuple[str, ...]:
    """The command, on a leash that this process holds (``leash``)."""
    leash = Path(__file__).with_name("leash.py")
    return (sys.executable, "-I", "-S", str(leash), str(os.getpid()), str(lock), *command)


def environment(inherited: Mapping[str, str], node: str, device: str) -> dict[str, str]:
    """What a worker is told: whose it is, its device, and to see no GPU but that."""
    told = {**inherited, "MILLRACE_FLEET_NODE": node, "MILLRACE_DEVICE": device}
    pin(device, told)
    return told


def lock_path(folder: Path, queue: str, node: str) -> Path:
    """The file whose lock a worker of this queue and node holds.

    Two queues' names may read the same as a file's: their workers wait for each other otherwise.
    """
    part = part_name(queue)
    if part != queue:
        part = f"{part}-{hashlib.sha256(queue.encode()).hexdigest()[:8]}"
    return folder / f"{part}@{node}.lock"


def open_log(folder: Path, queue: str) -> int:
    """A descriptor that appends to the queue's log; one that has grown long is put aside first."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part_name(queue)}.log"
    if path.exists() and path.stat().st_size > _LONGEST_LOG_BYTES:
        path.replace(path.with_name(f"{path.name}.1"))
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
