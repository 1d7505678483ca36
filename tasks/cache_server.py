"""The cache's Redis from outside: how full it is, and forgetting what is kept in it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import msgspec

from tasks import cache_names
from tasks.connection import Client

# Names looked at in one call: less than a millisecond of Redis's time, in which nobody else is
# served.
STRETCH = 1_000


class Sizes(msgspec.Struct, frozen=True):
    """What the server holds: its keys, their memory and its own, and what that may become.

    ``limit_bytes`` is None without a limit; ``evictions`` are keys that it gave up for others
    since its start.
    """

    entries: int
    used_bytes: int
    limit_bytes: int | None
    evictions: int


@dataclass(frozen=True, slots=True)
class Swept:
    """What is to be forgotten: all, or only that of a model, of an owner, older than an age."""

    model: str | None = None
    owner: str | None = None
    older_than_s: float | None = None


def read_sizes(client: Client) -> Sizes:
    """How full the server is."""
    pipeline = client.pipeline(transaction=False)
    entries, memory, stats = pipeline.dbsize().info("memory").info("stats").execute()
    return Sizes(
        entries=int(entries),
        used_bytes=int(memory["used_memory"]),
        limit_bytes=int(memory["maxmemory"]) or None,
        evictions=int(stats["evicted_keys"]),
    )


def sweep(client: Client, prefix: str, swept: Swept) -> Iterator[int]:
    """Forget what ``swept`` names, a stretch at a time; yields how many went with each.

    Between two stretches others have their turn, on the server and in this process. What is
    written meanwhile may stay.
    """
    pattern = cache_names.pattern(prefix, model=swept.model, owner=swept.owner)
    made_before_s = None if swept.older_than_s is None else time.time() - swept.older_than_s
    cursor = 0
    while True:
        cursor, found = client.scan(cursor, match=pattern, count=STRETCH)
        names = [name for name in found if cache_names.is_kept(prefix, name)]
        if made_before_s is not None:
            names = _made_before(client, names, made_before_s)
        yield int(client.unlink(*names)) if names else 0
        if not cursor:
            return
        # Under gevent nothing else runs until somebody waits.
        time.sleep(0)


def _made_before(client: Client, names: Sequence[bytes], before_s: float) -> list[bytes]:
    pipeline = client.pipeline(transaction=False)
    for name in names:
        pipeline.getrange(name, 0, cache_names.CREATION_BYTES - 1)
    # What is no string is none of ours, and no reason to stop.
    begins = pipeline.execute(raise_on_error=False)
    return [name for name, begin in zip(names, begins, strict=True) if _is_before(begin, before_s)]


def _is_before(begin: object, before_s: float) -> bool:
    made_s = cache_names.created_at_s(begin) if isinstance(begin, bytes) else None
    return made_s is not None and made_s < before_s
