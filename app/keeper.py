"""The keeper: the housekeeping process, ``celery -A app.keeper worker -Q keeper``.

A Celery worker on its own queue, so that Celery's tools see it and later chores can be tasks; its
reconciler runs beside, in a thread.
"""

from __future__ import annotations

import os
import socket
import threading
from typing import Any

from celery import Celery, signals
from celery.worker.control import inspect_command

from app.reconciler import Reconciler
from app.settings import ApiSettings
from tasks.celery import make_celery
from tasks.connection import connect
from tasks.ledger import Ledger
from tasks.logs import configure_logs
from tasks.roster import Roster

settings = ApiSettings()
celery: Celery = make_celery(settings)
client = connect(settings.queue_url)
reconciler = Reconciler(
    Ledger(client, settings),
    Roster(client, settings),
    celery,
    settings,
    f"keeper@{socket.gethostname()}#{os.getpid()}",
)


@inspect_command(name="slots")
def slots(_state: Any) -> dict[str, Any]:
    """``celery inspect slots`` asks every worker; this one has none."""
    return {}


@signals.setup_logging.connect
def _configure_logs(**_: Any) -> None:
    configure_logs(settings)


@signals.worker_ready.connect
def _start(**_: Any) -> None:
    threading.Thread(target=reconciler.run, name="reconciler", daemon=True).start()


@signals.worker_shutting_down.connect
def _stop(**_: Any) -> None:
    reconciler.stop()
