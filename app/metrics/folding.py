"""The folder: what processes that are gone had counted joins what others left, every few seconds.

Every keeper runs one; which of them folds a process makes no difference (``tasks.measures``).
"""

from __future__ import annotations

import threading

import redis
import structlog

from tasks.connection import Client
from tasks.measures import Measures
from tasks.settings import QueueSettings

log = structlog.get_logger(__name__)

ROUND_S = 5.0


class Folder:
    """Folds until ``stop``."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._measures = Measures(client, settings)
        self._stopped = threading.Event()

    def run(self) -> None:
        """One round after the other; with Redis away nothing is due."""
        while not self._stopped.wait(ROUND_S):
            try:
                for process in self._measures.fold_gone():
                    log.info("measures folded", process=process)
            except redis.RedisError as error:
                log.info("no measures folded", error=type(error).__name__)
            except Exception:  # one entry that is odd must not end it for all others
                log.exception("no measures folded")

    def stop(self) -> None:
        """End after the current round."""
        self._stopped.set()
