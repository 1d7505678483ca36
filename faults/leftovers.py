"""What a batch leaves behind: keys of its jobs in Redis, pieces of its files in the store."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.connection import Client
from tasks.keys import Keys

# What the store has in the making lies in a folder of this name; a killed process leaves it there
# for a day, until it is surely nobody's.
STAGING = ".staging"
KEPT = frozenset({"output.jsonl", "errors.jsonl"})


class Leftovers:
    """Looks for what was not there when it was made. ``folder`` is the store's."""

    def __init__(self, client: Client, keys: Keys, folder: Path) -> None:
        self._redis, self._keys, self._folder = client, keys, folder
        self._before = self._job_keys()

    def keys(self, batch_id: str) -> list[str]:
        """Records and logs of jobs, and what else speaks of work that is not done."""
        redis, keys = self._redis, self._keys
        left = sorted(self._job_keys() - self._before)
        if redis.exists(keys.batch_plan(batch_id)):
            left.append(keys.batch_plan(batch_id))
        if redis.sismember(keys.open_batches, batch_id):
            left.append(f"{batch_id} in {keys.open_batches}")
        if still_open := redis.zcard(keys.open):
            left.append(f"{still_open} jobs in {keys.open}")
        return left

    def pieces(self, batch_id: str) -> list[str]:
        """The batch's blobs, but for the files that its client gets."""
        return [
            name.as_posix()
            for name in stored(self._folder)
            if batch_id in name.parts and name.name not in KEPT
        ]

    def _job_keys(self) -> set[str]:
        return {
            key.decode()
            for stem in (self._keys.job(""), self._keys.log(""))
            for key in self._redis.scan_iter(f"{stem}*", count=1000)
        }


def stored(folder: Path) -> Iterator[Path]:
    """Every blob of a store in a folder, by its name."""
    for path in folder.rglob("*"):
        name = path.relative_to(folder)
        if path.is_file() and STAGING not in name.parts:
            yield name
