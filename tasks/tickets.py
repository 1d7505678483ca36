"""Publishes tickets from one thread over one connection of its own.

Celery's producer pool is not for greenlets: with 40 requests publishing at once under gevent its
ten connections were lost one by one, and then every request waited for one for ever.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from typing import Any

from celery import Celery

from tasks.celery import publish_ticket

log = logging.getLogger(__name__)

RETRY_S = 0.5
# Tickets that may wait for a Redis that is away. Beyond that they are dropped: the reconciler
# counts what waits and publishes as many.
BACKLOG = 10_000


class Tickets:
    """The thread and its connection; it begins with the first ticket."""

    def __init__(self, celery: Celery) -> None:
        self._celery = celery
        self._backlog: queue.Queue[tuple[str, str] | None] = queue.Queue(BACKLOG)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def publish(self, queue_name: str, job_id: str) -> None:
        """Say in the queue that a job waits: soon, and at least once while Redis answers."""
        with contextlib.suppress(queue.Full):
            self._backlog.put_nowait((queue_name, job_id))
        self._start()

    def close(self) -> None:
        """Publish what is left, then end."""
        self._stopped = True
        with contextlib.suppress(queue.Full):
            self._backlog.put_nowait(None)
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _start(self) -> None:
        with self._lock:
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="tickets", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        ticket = self._backlog.get()
        while ticket is not None:
            try:
                with self._celery.connection_for_write() as connection:
                    producer: Any = self._celery.amqp.Producer(connection)
                    while ticket is not None:
                        publish_ticket(self._celery, *ticket, producer=producer)
                        ticket = self._backlog.get()
            except Exception as error:  # noqa: BLE001 - whatever it was, the next try has a new
                # connection, and what is published twice is found once.
                log.warning("ticket not published, trying again: %s", type(error).__name__)
                if self._stopped:
                    return
                threading.Event().wait(RETRY_S)
