"""Writes entries to the cache's Redis, beside the requests, many in one round trip.

Losing an entry costs a computation and nothing else. So nobody waits for a write: what comes faster
than Redis takes it is dropped, and so is what it refuses because it is full.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

import redis
import structlog

from app.cache.breaker import Breaker
from app.cache.links import Command, Links

log = structlog.get_logger(__name__)

# Entries that come within this time are written together.
GATHER_S = 0.05
MOST_WAITING_BYTES = 32 * 1024 * 1024
# In one round trip: 100 KB of vectors of 384 numbers.
MOST_TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Entry:
    """A value under its name, made by ``model``."""

    name: str
    model: str
    value: bytes


class Writer:
    """One per process, with a thread that begins with the first entry. Thread-safe."""

    def __init__(
        self,
        links: Links,
        breaker: Breaker,
        ttl_s: int,
        stored: Callable[[str, int], object],
    ) -> None:
        """``stored`` is told how many entries of a model were written."""
        self._links = links
        self._breaker = breaker
        self._ttl_s = ttl_s
        self._stored = stored
        self._lock = threading.Lock()
        self._wanted = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None
        self._waiting: dict[str, Entry] = {}
        self._waiting_bytes = 0
        self._writing: dict[str, Entry] = {}

    def put(self, entries: Iterable[Entry]) -> None:
        """Have them written soon, or never."""
        with self._lock:
            for entry in entries:
                if self._waiting_bytes + len(entry.value) > MOST_WAITING_BYTES:
                    break
                if entry.name not in self._waiting:
                    self._waiting[entry.name] = entry
                    self._waiting_bytes += len(entry.value)
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="cache writer", daemon=True)
                self._thread.start()
        self._wanted.set()

    def on_its_way(self, name: str) -> bytes | None:
        """The value that is to be written under ``name``: what was said just now is found."""
        entry = self._waiting.get(name) or self._writing.get(name)
        return None if entry is None else entry.value

    def close(self) -> None:
        """Write what waits, and no more."""
        self._closed = True
        self._wanted.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            self._wanted.wait()
            if not self._closed:
                time.sleep(GATHER_S)
            with self._lock:
                # In this order: whoever looks between the two finds an entry in both.
                self._writing = self._waiting
                self._waiting, self._waiting_bytes = {}, 0
                self._wanted.clear()
            self._write(iter(self._writing.values()))
            self._writing = {}
            if self._closed and not self._waiting:
                return

    def _write(self, entries: Iterator[Entry]) -> None:
        while (batch := list(islice(entries, MOST_TOGETHER))) and self._breaker.lets_through():
            try:
                answers = self._links.ask([self._command(entry) for entry in batch])
            except redis.RedisError as error:
                self._breaker.trip()
                log.warning("the cache takes nothing", error=type(error).__name__)
                return
            for entry, answer in zip(batch, answers, strict=True):
                if not isinstance(answer, Exception):
                    self._stored(entry.model, 1)

    def _command(self, entry: Entry) -> Command:
        return ("SET", entry.name, entry.value, "EX", self._ttl_s)
