"""The keeper: the housekeeping process, ``celery -A app.keeper worker -Q keeper``.

A Celery worker on its own queue, so that Celery's tools see it and its chores are tasks: webhooks
are. The reconciler, the placer, the driver of batches and the folder of measures run beside, each
in a thread.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from celery import Celery, signals
from celery.worker.control import inspect_command

from app.batches.book import Book
from app.batches.driver import Driver
from app.calling import Caller
from app.metrics.folding import Folder
from app.metrics.kept import KeeperMetrics
from app.outbound.address import AllowedHosts
from app.placement.placer import Placer
from app.reconciler import Reconciler
from app.settings import ApiSettings
from app.webhooks.check import WEBHOOK_HOSTS
from tasks.celery import WEBHOOK_TASK, make_celery
from tasks.connection import connect
from tasks.ledger import Ledger
from tasks.logs import configure_logs
from tasks.measuring import Reporter
from tasks.records import Records
from tasks.roster import Roster
from tasks.upkeep import Upkeep

settings = ApiSettings()
celery: Celery = make_celery(settings)
client = connect(settings.queue_url)
metrics = KeeperMetrics()
reporter = Reporter(client, settings, metrics.registry, "keeper")
folder = Folder(client, settings)
caller = Caller(
    Records(client, settings),
    Book(client, settings),
    Upkeep(client, settings),
    settings.webhook_key,
    AllowedHosts.parse(WEBHOOK_HOSTS, settings.webhook_hosts),
    metrics=metrics,
)
name = f"keeper@{socket.gethostname()}#{os.getpid()}"
reconciler = Reconciler(
    Ledger(client, settings),
    Roster(client, settings),
    celery,
    settings,
    name,
    metrics=metrics,
)
# A connection of its own: a round of the one never waits for the other's.
placer = Placer(connect(settings.queue_url), settings, settings.turn_s, name)
driver = Driver(settings, connect(settings.queue_url), celery, name)


@celery.task(name=WEBHOOK_TASK)
def call_webhook(job_id: str) -> None:
    """Something has ended: tell whom it said. What fails is handed out again by the reconciler."""
    caller.call(job_id)


@inspect_command(name="slots")
def slots(_state: Any) -> dict[str, Any]:
    """``celery inspect slots`` asks every worker; this one has none."""
    return {}


@inspect_command(name="models")
def models(_state: Any) -> dict[str, Any]:
    """``celery inspect models`` asks every worker; this one has none."""
    return {}


@inspect_command(name="drain")
def drain(_state: Any) -> dict[str, Any]:
    """``celery inspect drain`` asks every worker; this one has nothing to drain."""
    return {}


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    configure_logs(settings)


@signals.worker_ready.connect
def _start(**_: Any) -> None:
    threading.Thread(target=reconciler.run, name="reconciler", daemon=True).start()
    threading.Thread(target=placer.run, name="placer", daemon=True).start()
    threading.Thread(target=driver.run, name="batch driver", daemon=True).start()
    threading.Thread(target=folder.run, name="measures of the gone", daemon=True).start()
    reporter.start()


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    reconciler.stop()
    placer.stop()
    driver.stop()
    folder.stop()


@signals.worker_shutdown.connect
def _close(**_: Any) -> None:
    reporter.close()
