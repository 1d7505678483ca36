"""The entry of ``celery -A worker``: tickets to handlers, signals to the model's process.

This module is where a worker begins, so it reads the environment; nothing below it does. The
model is told by the queue: ``-Q chat.NAME``. Without a queue of the catalog (``celery -A worker
inspect ...``) no model is loaded.
"""

from __future__ import annotations

import os
import threading
import time
from functools import partial
from typing import Any

from celery import Celery, signals

import worker.remote  # noqa: F401 - importing it registers its commands with Celery
from tasks.celery import CHAT_TASK, EMBED_TASK, make_celery
from tasks.connection import connect
from tasks.live_catalog import LiveCatalog
from tasks.logs import configure_logs
from tasks.model import CatalogError, Model
from worker import handlers
from worker.consuming import stop_consuming
from worker.pinning import pin
from worker.process import ModelProcess, current
from worker.settings import WorkerSettings

settings = WorkerSettings()
celery: Celery = make_celery(settings)

# Under a node, which makes pauses of its own: only until the report is sent.
REPORTED_S = 0.5


@celery.task(name=CHAT_TASK)
def chat(_job_id: str) -> None:
    """A ticket: some chat job waits. Which one is the ledger's decision."""
    handlers.chat(current.get())


@celery.task(name=EMBED_TASK)
def embed(_job_id: str) -> None:
    """A ticket: some embeddings job waits."""
    handlers.embed(current.get())


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    configure_logs(settings)


@signals.celeryd_after_setup.connect
def _load(instance: Any, **_: Any) -> None:
    queues = [str(name) for name in instance.app.amqp.queues.consume_from]
    model = model_of(queues)
    if not settings.device:  # else a node has chosen, and pinned this process
        pin(model.device, os.environ)
    process = ModelProcess(settings, celery, model, str(instance.hostname))
    try:
        process.start()
    except Exception as error:  # noqa: BLE001 - whatever a loader raises, the report says why,
        # and a pause keeps the runner's restarts from spinning.
        # The report stays until it expires: it speaks while the next try is started.
        pause_s = settings.load_retry_s
        time.sleep(min(pause_s, REPORTED_S) if settings.fleet_node else pause_s)
        raise SystemExit(f"model {model.name} does not load: {error}") from None
    current.set(process)


@signals.worker_ready.connect
def _ready(sender: Any, **_: Any) -> None:
    process = current.get()
    process.ready(partial(stop_consuming, sender, process.model.queue))


@signals.worker_shutting_down.connect
def _drain(**_: Any) -> None:
    # Sent inside the signal handler: the draining itself must not run there.
    if (process := current.find()) is not None:
        threading.Thread(target=process.drain, name="drain").start()


@signals.worker_shutdown.connect
def _close(**_: Any) -> None:
    if (process := current.find()) is not None:
        process.close()


def model_of(queues: list[str]) -> Model:
    """The one model that this worker's queues lead to."""
    if len(queues) != 1:
        raise SystemExit("a worker serves one model: give exactly one queue, -Q chat.NAME")
    try:
        return LiveCatalog(settings, connect(settings.queue_url)).refresh().of_queue(queues[0])
    except CatalogError as error:
        raise SystemExit(f"no model to serve: {error}") from None
