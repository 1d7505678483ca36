"""Forgetting a job when its owner says so, and not when its time is over."""

from __future__ import annotations

from tasks import scripts
from tasks.connection import Client
from tasks.keys import Keys
from tasks.records import Record
from tasks.settings import QueueSettings


class Forgetting:
    """The owner's hand on what the ledger keeps. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._keys = Keys(settings.key_prefix)
        self._forget = scripts.load(client, "forget")

    def forget(self, record: Record) -> bool:
        """Delete a job that has ended, all of it; False for one that is gone when it has.

        A webhook that has not been called yet is not called any more.
        """
        keys = self._keys
        forgotten = self._forget(
            [keys.job(record.id), keys.log(record.id), keys.index(record.owner), keys.dead],
            [record.id],
        )
        return bool(forgotten)
