"""The catalog of a process that lives on: the file's models, and those added at run time.

The file wins on definitions. It is read again when it changes; as long as it cannot be used as
written, what it said before holds.
"""

from __future__ import annotations

import logging
import threading
import time

import redis

from tasks.catalog import Catalog, load_catalog
from tasks.connection import Client
from tasks.fleet import Fleet
from tasks.model import CatalogError, Model, check
from tasks.settings import QueueSettings

log = logging.getLogger(__name__)

REFRESH_S = 1.0
# A name that is nowhere is looked for again, yet not for each of a thousand wrong requests.
LOOK_AGAIN_S = 0.1


class LiveCatalog:
    """Thread-safe; ``now`` is at most a second old."""

    def __init__(self, settings: QueueSettings, client: Client) -> None:
        """Read the file; raises ``CatalogError`` when it cannot be used."""
        self._settings = settings
        self._fleet = Fleet(client, settings)
        self._lock = threading.Lock()
        self._stamp = self._file_stamp()
        self._file = load_catalog(settings)
        self._added: dict[str, Model] = {}
        self._now = self._merged()
        self._read_at = float("-inf")

    def now(self) -> Catalog:
        """The models of this moment."""
        if time.monotonic() - self._read_at > REFRESH_S:
            self._refresh()
        return self._now

    def is_of_file(self, name: str) -> bool:
        """Whether the file defines the model of that name or alias."""
        return self._file.has(name)

    def refresh(self) -> Catalog:
        """The models as they are now, read again."""
        self._refresh()
        return self._now

    def _refresh(self) -> None:
        with self._lock:
            self._read_at = time.monotonic()
            changed = self._reread_file()
            try:
                added = self._fleet.definitions()
            except redis.RedisError:
                # What is known holds: Redis being away takes no model from anybody.
                added = self._added
            if changed or added != self._added:
                self._added = added
                self._now = self._merged()

    def _reread_file(self) -> bool:
        stamp = self._file_stamp()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        try:
            self._file = load_catalog(self._settings)
        except CatalogError as error:
            log.error("the catalog's file is not used: %s", error)  # noqa: TRY400 - says it all
            return False
        return True

    def _file_stamp(self) -> tuple[int, int]:
        try:
            stat = self._settings.models_file.stat()
        except OSError:
            return (0, 0)
        return (stat.st_mtime_ns, stat.st_size)

    def _merged(self) -> Catalog:
        taken = {name for model in self._file for name in (model.name, *model.aliases)}
        models = list(self._file)
        for model in self._added.values():
            names = {model.name, *model.aliases}
            try:
                check(model)
            except CatalogError as error:
                log.warning("a definition is not used: %s", error)
                continue
            if not names & taken:
                taken |= names
                models.append(model)
        return Catalog(tuple(models), self._look_again)

    def _look_again(self, name: str) -> Model | None:
        if time.monotonic() - self._read_at < LOOK_AGAIN_S:
            return None
        models = self.refresh()
        return models.find(name) if models.has(name) else None
