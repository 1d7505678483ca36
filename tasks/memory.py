"""How full the queue's Redis is: new work is refused while what is accepted still finds room.

A Redis that is full refuses every write, those of running jobs too: their leases, their tokens,
their ends. So the door closes earlier, at a share of its ``maxmemory``, and what is inside uses
the rest. Without a ``maxmemory`` nothing is refused.
"""

from __future__ import annotations

import threading
import time

from tasks.connection import Client
from tasks.errors import QueueOutOfMemory
from tasks.jobs import Job

READ_EVERY_S = 1.0
# What a job takes in Redis, its tickets and its log, beyond the text of what it asks.
OVERHEAD_BYTES = 4_096


class MemoryGauge:
    """One process's reading, at most a second old, plus what it let in since. Thread-safe."""

    def __init__(self, client: Client, high: float) -> None:
        self._redis = client
        self._high = high
        self._lock = threading.Lock()
        self._read_at_s = float("-inf")
        self._used_bytes = 0
        self._limit_bytes = 0

    def check(self, job: Job) -> None:
        """Let ``job`` in, or raise ``QueueOutOfMemory``; redis-py's errors pass through."""
        if time.monotonic() - self._read_at_s >= READ_EVERY_S:
            self._read()
        if not self._limit_bytes:
            return
        with self._lock:
            self._used_bytes += OVERHEAD_BYTES + size_of(job)
            if self._used_bytes <= self._limit_bytes * self._high:
                return
        raise QueueOutOfMemory("The queue's memory is nearly full. Send the request again later.")

    def _read(self) -> None:
        self._read_at_s = time.monotonic()
        memory = self._redis.info("memory")
        with self._lock:
            # Redis does not hold the buffer of its append-only file against itself; a slow disk
            # would close the door.
            buffers = int(memory.get("mem_not_counted_for_evict", 0))
            self._used_bytes = int(memory["used_memory"]) - buffers
            self._limit_bytes = int(memory["maxmemory"])


def size_of(job: Job) -> int:
    """About how many bytes the job's text and tokens are."""
    texts: tuple[str, ...] = ()
    tokens: tuple[tuple[int, ...], ...] = ()
    if hasattr(job, "messages"):
        texts = tuple(message.content for message in job.messages)
    else:
        texts, tokens = job.texts, job.tokens
    return sum(map(len, texts)) + 4 * sum(map(len, tokens))
