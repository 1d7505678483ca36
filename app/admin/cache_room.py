"""The cache: reading how it does, and clearing it."""

from __future__ import annotations

import redis
import structlog

from app.admin.refusals import CacheAway
from app.settings import ApiSettings
from tasks.cache_counts import Tally, read_counts
from tasks.cache_server import Sizes, Swept, read_sizes, sweep
from tasks.connection import connect
from tasks.ledger import Ledger

log = structlog.get_logger(__name__)

# An operator waits; on the way of requests it is much less.
ANSWER_S = 2.0


class CacheRoom:
    """The counters in the queue's Redis, and the cache's own. Thread-safe."""

    def __init__(self, settings: ApiSettings, ledger: Ledger) -> None:
        self._settings = settings
        self._ledger = ledger
        self._cache = connect(settings.cache_url, timeout_s=ANSWER_S)

    def tallies(self) -> dict[str, Tally]:
        """What all API processes counted, by model."""
        return read_counts(self._ledger.redis, self._settings)

    def sizes(self) -> Sizes | None:
        """How full the cache is; None when its server does not answer."""
        try:
            return read_sizes(self._cache)
        except redis.RedisError as error:
            log.warning("the cache does not answer", error=type(error).__name__)
            return None

    def clear(self, swept: Swept) -> int:
        """Forget it, and how many entries that were; ``CacheAway`` when it cannot be done."""
        deleted = 0
        # First: what ended a moment ago is shared, too, until it can be found in the cache.
        self._ledger.unshare()
        try:
            for number in sweep(self._cache, self._settings.key_prefix, swept):
                deleted += number
        except redis.RedisError as error:
            log.warning("the cache is not cleared", error=type(error).__name__, deleted=deleted)
            raise CacheAway(deleted) from error
        return deleted
