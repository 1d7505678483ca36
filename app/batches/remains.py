"""What is left of batches that have ended: their pieces, and those of drivers that died.

The list of a batch's pieces stays in Redis until they are deleted, so that nobody's death leaves
any behind.
"""

from __future__ import annotations

import time

from app.batches.finishing import blob_of, folder_of
from app.files.store import Store
from tasks.connection import Client
from tasks.keys import Keys
from tasks.settings import QueueSettings

# A Redis that loses its last second may have forgotten a batch's end: its files are made again.
SETTLED_S = 10.0


class Remains:
    """Cleans up behind batches, each once."""

    def __init__(self, client: Client, settings: QueueSettings, store: Store) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)
        self._store = store
        # By when each was seen to have ended; None once it is clean.
        self._seen_s: dict[str, float | None] = {}

    def clean(self) -> list[str]:
        """Delete what is left of the batches whose end has settled; which ones they were."""
        now = time.monotonic()
        ended = [
            batch_id.decode() for batch_id in self._redis.zrange(self._keys.ended_batches, 0, -1)
        ]
        seen = self._seen_s
        self._seen_s = {batch_id: seen.get(batch_id, now) for batch_id in ended}
        due = [
            batch_id
            for batch_id, seen_s in self._seen_s.items()
            if seen_s is not None and now - seen_s >= SETTLED_S
        ]
        dirty = self._with_lists(due)
        for batch_id in dirty:
            self._clean(batch_id)
        self._seen_s |= dict.fromkeys(due)
        return dirty

    def _with_lists(self, batch_ids: list[str]) -> list[str]:
        pipe = self._redis.pipeline(transaction=False)
        for batch_id in batch_ids:
            pipe.exists(self._keys.batch_output(batch_id), self._keys.batch_errors(batch_id))
        found = pipe.execute() if batch_ids else []
        return [batch_id for batch_id, any_list in zip(batch_ids, found, strict=True) if any_list]

    def _clean(self, batch_id: str) -> None:
        kept = {blob_of(batch_id, "output"), blob_of(batch_id, "errors")}
        for name in list(self._store.names(folder_of(batch_id))):
            if name not in kept:
                self._store.delete(name)
        self._redis.delete(self._keys.batch_output(batch_id), self._keys.batch_errors(batch_id))
