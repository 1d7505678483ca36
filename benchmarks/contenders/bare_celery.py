"""The raw limit of the queue: a Celery task that does nothing, and the way back from it.

The same Redis (another database of it), the same pool and the same promises as the stack's
workers: threads, JSON, late acks. Celery's result backend is no part of Millrace, so the worker
answers with a push to a list on which the client blocks. ``celery -A`` imports this module too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median

import redis
from celery import Celery

from benchmarks.contenders.sample import hand_over
from benchmarks.figures import percentile
from tasks.settings import QueueSettings

DATABASE = 1
ROUND_TRIPS = 300
CLIENTS = 16
JOBS = 600
QUEUE = "bare"

url = f"{QueueSettings().queue_url.rpartition('/')[0]}/{DATABASE}"
client = redis.Redis.from_url(url)
celery = Celery("bare", broker=url)
celery.conf.update(
    task_acks_late=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_serializer="json",
    accept_content=["json"],
    worker_hijack_root_logger=False,
    broker_connection_retry_on_startup=True,
)


@celery.task(name="bare.answer")
def answer(back: str) -> None:
    """Say that it ran."""
    client.rpush(back, b"done")


def ask(back: str) -> None:
    """Send a task that answers on the list ``back``."""
    celery.send_task("bare.answer", args=[back], queue=QUEUE, ignore_result=True)


def hear(back: str) -> None:
    """Wait for one answer."""
    if client.blpop([back], timeout=20) is None:
        raise TimeoutError("the bare Celery worker does not answer")


def round_trip_ms() -> float:
    """From sending a task until its answer is here."""
    began_s = time.perf_counter()
    ask("back")
    hear("back")
    return 1000 * (time.perf_counter() - began_s)


def jobs_per_s() -> float:
    """With so many tasks under way that one is sent for each answer."""
    began_s = time.perf_counter()
    for _ in range(CLIENTS):
        ask("crowd")
    for number in range(JOBS):
        hear("crowd")
        if number < JOBS - CLIENTS:
            ask("crowd")
    return JOBS / (time.perf_counter() - began_s)


def main() -> None:
    """Start a worker, measure, and stop it."""
    program = str(Path(sys.executable).parent / "celery")
    command = (
        *(
            program,
            "-A",
            "benchmarks.contenders.bare_celery",
            "worker",
            "-Q",
            QUEUE,
            "-n",
            "bare@%h",
        ),
        *("-P", "threads", "-c", "32", "--without-gossip", "--without-mingle", "-l", "error"),
    )
    worker = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=dict(os.environ))
    try:
        for _ in range(10):
            round_trip_ms()
        trips = [round_trip_ms() for _ in range(ROUND_TRIPS)]
        hand_over(
            {
                "p50_ms": median(trips),
                "p99_ms": percentile(trips, 99),
                "crowd_per_s": jobs_per_s(),
            }
        )
    finally:
        worker.terminate()
        worker.wait(timeout=20)


if __name__ == "__main__":
    main()
