"""What the cache of answers did, counted: by every API process, and read by whoever asks.

The counters are in the queue's Redis: the cache's own would throw them out with the answers.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
import redis

from tasks.connection import Client
from tasks.keys import Keys
from tasks.settings import QueueSettings

What = Literal["hit", "miss", "store", "coalesced", "bypass"]

FLUSH_S = 1.0


class Tally(msgspec.Struct, frozen=True):
    """How often each happened; embeddings count by input, everything else by request.

    ``misses`` were computed, ``coalesced`` shared what was under way for another, and ``bypassed``
    never asked the cache. ``stores`` are answers that were written to it.
    """

    hits: int = 0
    misses: int = 0
    stores: int = 0
    coalesced: int = 0
    bypassed: int = 0

    @property
    def hit_rate(self) -> float | None:
        """The share of what was looked for that was there; None while nothing was looked for."""
        looked_for = self.hits + self.misses + self.coalesced
        return self.hits / looked_for if looked_for else None


_FIELDS: Mapping[What, str] = {
    "hit": "hits",
    "miss": "misses",
    "store": "stores",
    "coalesced": "coalesced",
    "bypass": "bypassed",
}


class Counts:
    """One process's counters: summed up here, and added to everybody's about every second.

    Counting takes a microsecond and never waits for Redis; while that is away, the sums wait for
    it. Thread-safe. The thread that writes begins with the first count.
    """

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._key = Keys(settings.key_prefix).cache_counts
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._sums: dict[tuple[What, str], int] = {}
        self._thread: threading.Thread | None = None
        self._closed = threading.Event()

    def hit(self, model: str, n: int = 1) -> None:
        """It was in the cache."""
        self._add("hit", model, n)

    def miss(self, model: str, n: int = 1) -> None:
        """It was not, and is computed."""
        self._add("miss", model, n)

    def store(self, model: str, n: int = 1) -> None:
        """It was written to the cache."""
        self._add("store", model, n)

    def coalesced(self, model: str, n: int = 1) -> None:
        """It was not, and another request computes it already."""
        self._add("coalesced", model, n)

    def bypass(self, model: str, n: int = 1) -> None:
        """The cache was not asked: it may not serve this, or does not answer."""
        self._add("bypass", model, n)

    def flush(self) -> None:
        """Add the sums to Redis's; those that it does not take are kept for the next time."""
        # One at a time: a sum that is under way is not yet lost, and must not be missing to close.
        with self._flushing:
            with self._lock:
                sums, self._sums = self._sums, {}
            if not sums:
                return
            pipeline = self._redis.pipeline(transaction=True)
            for (what, model), n in sums.items():
                pipeline.hincrby(self._key, f"{what}:{model}", n)
            try:
                pipeline.execute()
            except BaseException:
                self._take_back(sums)
                raise

    def close(self) -> None:
        """Write what is left, if Redis takes it; later counts are written by nobody."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()
        atexit.unregister(self.close)
        with contextlib.suppress(redis.RedisError):
            self.flush()

    def _add(self, what: What, model: str, n: int) -> None:
        counted = (what, model)
        with self._lock:
            self._sums[counted] = self._sums.get(counted, 0) + n
            begun = self._thread is not None
        if not begun:
            self._begin()

    def _take_back(self, sums: Mapping[tuple[What, str], int]) -> None:
        with self._lock:
            for counted, n in sums.items():
                self._sums[counted] = self._sums.get(counted, 0) + n

    def _begin(self) -> None:
        thread = threading.Thread(target=self._run, name="cache counts", daemon=True)
        with self._lock:
            if self._thread is not None or self._closed.is_set():
                return
            self._thread = thread
            thread.start()
        atexit.register(self.close)

    def _run(self) -> None:
        while not self._closed.wait(FLUSH_S):
            with contextlib.suppress(redis.RedisError):
                self.flush()


def read_counts(client: Client, settings: QueueSettings) -> dict[str, Tally]:
    """What all processes counted, by model's name, in the names' order."""
    rows = client.hgetall(Keys(settings.key_prefix).cache_counts)
    counted: dict[str, dict[str, int]] = {}
    for field, number in rows.items():
        # A model's name may hold colons, too.
        what, _, model = field.decode().partition(":")
        if (name := _FIELDS.get(what)) is not None:
            counted.setdefault(model, {})[name] = int(number)
    return {model: Tally(**numbers) for model, numbers in sorted(counted.items())}


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    listed = list(tallies)
    return Tally(*(sum(getattr(each, name) for each in listed) for name in _FIELDS.values()))
