"""The cache of answers at one moment: what it did, and how full it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import redis

from console.place import UNREACHABLE, Place, address_of, fail
from tasks.cache_counts import Tally, read_counts
from tasks.cache_server import Sizes, read_sizes
from tasks.connection import Client, connect

# As long as for the queue's Redis.
ANSWER_S = 2.0


@dataclass(frozen=True, slots=True)
class CacheSnapshot:
    """The counters by model; ``sizes`` is None, and ``reason`` says why, when the cache is away.

    ``now_s`` is the queue's Redis's clock, ``address`` where the cache is, without a password.
    """

    now_s: float
    tallies: Mapping[str, Tally]
    sizes: Sizes | None
    address: str
    reason: str = ""


def cache_client(place: Place) -> Client:
    """A client of the cache's Redis; a URL that is none ends the command."""
    try:
        return connect(place.settings.cache_url, timeout_s=ANSWER_S)
    except ValueError:
        # The error's own text may quote the URL, and the URL a password.
        fail("MILLRACE_CACHE_URL is no Redis URL: write redis://HOST:PORT/DATABASE.", UNREACHABLE)


def read_cache(place: Place, cache: Client) -> CacheSnapshot:
    """The counters, and the sizes if the cache answers: its absence is no error."""
    tallies = read_counts(place.ledger.redis, place.settings)
    now_s, address = place.records.now_s(), address_of(place.settings.cache_url)
    try:
        return CacheSnapshot(now_s, tallies, read_sizes(cache), address)
    except redis.RedisError as error:
        return CacheSnapshot(now_s, tallies, None, address, str(error).rstrip("."))
