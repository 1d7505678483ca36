"""The cache's Redis as the rest of the package sees it: values by their names, or ``Away``."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import redis
import structlog

from app.cache.breaker import Breaker
from app.cache.gathering import Gathering
from app.cache.hot import Hot
from app.cache.links import Links
from app.cache.writer import Entry, Writer

log = structlog.get_logger(__name__)


class Away(Exception):
    """Raised when the cache does not answer: what was asked for is computed."""


class Store:
    """One per process. Thread-safe."""

    def __init__(self, url: str, ttl_s: int, stored: Callable[[str, int], object]) -> None:
        """Connects to nobody yet; ``stored`` is told how many entries of a model were written."""
        self._links = Links(url)
        self._hot = Hot()
        self._gathering = Gathering(self._links.ask)
        self._breaker = Breaker(lambda: self._links.ask([("PING",)]))
        self._writer = Writer(self._links, self._breaker, ttl_s, stored)

    def get(self, name: str) -> bytes | None:
        """The value under ``name``, None where there is none; raises ``Away``."""
        value = self._hot.get(name)
        if value is None:
            [value] = self.get_many([name])
            if value is not None:
                self._hot.fetched(name, value)
        return value

    def get_many(self, names: Sequence[str]) -> list[bytes | None]:
        """The value under each name, as ``get`` has it, in one round trip."""
        if not self._breaker.lets_through():
            raise Away
        # Looked for first: what is not on its way any more has arrived.
        found = [self._writer.on_its_way(name) for name in names]
        missing = [place for place, value in enumerate(found) if value is None]
        if missing:
            for place, value in zip(missing, self._ask(names, missing), strict=True):
                found[place] = value
        return found

    def put(self, entries: Sequence[Entry]) -> None:
        """Keep them, if the cache takes them."""
        for entry in entries:
            self._hot.drop(entry.name)
        self._writer.put(entries)

    def close(self) -> None:
        """Write what waits, and let go of the connections."""
        self._writer.close()
        self._links.close()

    def _ask(self, names: Sequence[str], places: Sequence[int]) -> list[bytes | None]:
        try:
            [answer] = self._gathering.ask([("MGET", *(names[place] for place in places))])
        except redis.RedisError as error:
            self._breaker.trip()
            log.warning("the cache does not answer", error=type(error).__name__)
            raise Away from error
        if isinstance(answer, Exception):
            raise Away from answer
        values: list[bytes | None] = answer
        return values
