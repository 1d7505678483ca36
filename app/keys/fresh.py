"""Answers of Redis that are used for less than a second, so that not every request asks again.

Of requests that need the same answer together, one asks. While Redis is away one tries it again
each second, and the others go on with what they know, for as long as that may be trusted.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import redis

from tasks.errors import QueueUnavailable

T = TypeVar("T")

FRESH_S = 0.9
"""What is promised is a second; the rest is for the request itself."""

TRY_AGAIN_S = 1.0
MOST_KEPT = 20_000
_TURNS = 64


class _Kept(NamedTuple, Generic[T]):
    value: T
    asked_at: float


class Fresh(Generic[T]):
    """What ``ask`` says of a name, never older than ``FRESH_S`` while it answers.

    While it raises ``RedisError``, what it said up to ``trusted_s`` ago holds; of anything else
    nothing is known, and ``get`` raises ``QueueUnavailable``. Thread-safe.
    """

    def __init__(
        self,
        ask: Callable[[str], T],
        *,
        trusted_s: float,
        clock: Callable[[], float] = time.monotonic,
        most: int = MOST_KEPT,
    ) -> None:
        self._ask = ask
        self._trusted_s = trusted_s
        self._clock = clock
        self._most = most
        self._kept: dict[str, _Kept[T]] = {}
        self._writing = threading.Lock()
        # By name: who waits for one name does not hold up another's.
        self._turns = [threading.Lock() for _ in range(_TURNS)]
        self._failed_at: float | None = None

    def get(self, name: str) -> T:
        """The answer for ``name``."""
        kept = self._younger_than(FRESH_S, name)
        return (kept or self._in_turn(name)).value

    def _in_turn(self, name: str) -> _Kept[T]:
        turn = self._turns[hash(name) % _TURNS]
        # While Redis is away nobody waits for the one who tries.
        if not turn.acquire(blocking=self._failed_at is None):
            return self._trusted(name)
        try:
            # Another one may have asked while this one waited.
            return self._younger_than(FRESH_S, name) or self._asked(name)
        finally:
            turn.release()

    def _asked(self, name: str) -> _Kept[T]:
        # By the time before the question: what is answered was so at that time or later.
        asked_at, failed_at = self._clock(), self._failed_at
        if failed_at is not None and asked_at - failed_at < TRY_AGAIN_S:
            return self._trusted(name)
        try:
            kept = _Kept(self._ask(name), asked_at)
        except redis.RedisError:
            self._failed_at = self._clock()
            return self._trusted(name)
        self._failed_at = None
        self._keep(name, kept)
        return kept

    def _keep(self, name: str, kept: _Kept[T]) -> None:
        with self._writing:
            # Names in use are renewed and stand behind those that are not.
            self._kept.pop(name, None)
            self._kept[name] = kept
            while len(self._kept) > self._most:
                del self._kept[next(iter(self._kept))]

    def _trusted(self, name: str) -> _Kept[T]:
        kept = self._younger_than(self._trusted_s, name)
        if kept is None:
            raise QueueUnavailable("API keys cannot be checked: the queue does not answer.")
        return kept

    def _younger_than(self, age_s: float, name: str) -> _Kept[T] | None:
        kept = self._kept.get(name)
        return kept if kept is not None and self._clock() - kept.asked_at < age_s else None
