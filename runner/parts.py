"""The parts of Millrace on this machine, each a command. The ``Procfile`` names the same ones."""

from __future__ import annotations

import math
import re
import sys
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path

from runner.redis_server import servers
from runner.settings import RunnerSettings

KEEPER_THREADS = 8  # webhooks that are called at once: each may take 15 s


class Stage(IntEnum):
    """When a part starts; the stop goes the other way, one stage after the other."""

    REDIS = 10
    WORK = 20
    API = 30
    SCREEN = 40


@dataclass(frozen=True)
class Part:
    """One process that is kept running.

    A part that dies within ``settle_s`` of its start is restarted with growing pauses, a later
    death is answered at once. After ``stop_s`` a stop becomes a kill; the four stages' times
    add up to 15 s with the default settings, the longest that Ctrl-C should take.
    """

    name: str
    command: tuple[str, ...]
    stage: Stage
    settle_s: int
    stop_s: int
    once: bool = False


def all_parts(settings: RunnerSettings) -> list[Part]:
    """Every part, in the order of their start."""
    return [
        *(redis_part(each.role) for each in servers(settings)),
        keeper_part(settings),
        node_part(),
        api_part(settings),
        announcer_part(),
    ]


def redis_part(role: str) -> Part:
    command = (sys.executable, "-m", "runner.redis_server", role)
    return Part(f"redis-{role}", command, Stage.REDIS, settle_s=2, stop_s=3)


def keeper_part(settings: RunnerSettings) -> Part:
    command = celery("app.keeper", "keeper", KEEPER_THREADS, settings.log_level)
    return Part("keeper", command, Stage.WORK, settle_s=5, stop_s=5)


def node_part() -> Part:
    """The node starts and restarts the models' workers itself, and stops them all in 4 s."""
    command = (sys.executable, "-m", "worker")
    return Part("node", command, Stage.WORK, settle_s=5, stop_s=6)


def part_name(queue: str) -> str:
    """The queue's name as a file and a supervised process may be called."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", queue)


def api_part(settings: RunnerSettings) -> Part:
    command = (program("gunicorn"), "-c", "app/gunicorn_conf.py", "app:create_app()")
    # It ends by itself, and says where its streams go on; a kill would cut them without a word.
    stop_s = math.ceil(settings.shutdown_s) + 1
    return Part("api", command, Stage.API, settle_s=5, stop_s=stop_s)


def announcer_part() -> Part:
    command = (sys.executable, "-m", "runner.announce")
    return Part("announcer", command, Stage.SCREEN, settle_s=0, stop_s=1, once=True)


def celery(app: str, queue: str, threads: int, log_level: str) -> tuple[str, ...]:
    """A Celery worker for one queue, named after it.

    Threads, because the solo pool cannot answer ``inspect ping`` while it is busy and prefork
    would hold the model once per slot. Workers of other queues are nobody to gossip with.
    """
    node = f"{queue}@%h"
    return (
        *(program("celery"), "-A", app, "worker", "-Q", queue, "-n", node),
        *("-P", "threads", "-c", str(threads), "--without-gossip", "--without-mingle"),
        *("-l", log_level),
    )


def program(name: str) -> str:
    """A program of the environment that this very process runs in."""
    return str(Path(sys.executable).parent / name)
