"""Listeners: the jobs that somebody follows through this process, and the thread that says so.

A job that needs a listener is cancelled when nobody has renewed its lease for as long as was
agreed. One thread renews those of all readers here; a reader that leaves takes back only its own
word, another one of the same job goes on.
"""

from __future__ import annotations

import contextlib
import threading

import redis

from tasks.ledger import Ledger


class Listeners:
    """One process's readers, by job."""

    def __init__(self, ledger: Ledger, every_s: float) -> None:
        self._ledger = ledger
        self._every_s = every_s
        self._lock = threading.Lock()
        # How many read a job here, and how long it outlives the last of them.
        self._readers: dict[str, tuple[int, float]] = {}
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, job_id: str, lease_s: float) -> None:
        """Somebody reads the job; 0 for one that needs no listener."""
        if not lease_s:
            return
        with self._lock:
            count, _ = self._readers.get(job_id, (0, 0.0))
            self._readers[job_id] = (count + 1, lease_s)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="listener", daemon=True)
                self._thread.start()

    def drop(self, job_id: str) -> None:
        """One reader less."""
        with self._lock:
            count, lease_s = self._readers.get(job_id, (0, 0.0))
            if count > 1:
                self._readers[job_id] = (count - 1, lease_s)
            else:
                self._readers.pop(job_id, None)

    def renew(self) -> None:
        """Renew the leases of all jobs that are read here; Redis may be away."""
        with self._lock:
            leases_s = {job_id: lease_s for job_id, (_, lease_s) in self._readers.items()}
        if leases_s:
            with contextlib.suppress(redis.RedisError):
                self._ledger.listen(leases_s)

    def close(self) -> None:
        """Renew nothing more: the jobs are given up when their leases end."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.wait(self._every_s):
            self.renew()
