"""What this machine is and could serve, looked at again and again.

In a thread of its own: a file system or a driver that hangs leaves these facts old, and keeps no
worker from being restarted and no report from being sent.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks.fleet import Offer
from tasks.live_catalog import LiveCatalog
from worker.node.files import FileReader
from worker.node.gpus import Driver
from worker.node.machine import Machine, resident_bytes, this_machine
from worker.node.offers import offer
from worker.node.settings import NodeSettings

log = logging.getLogger(__name__)

ROUND_S = 1.0


@dataclass(frozen=True, slots=True)
class Surveyed:
    """One look: the machine, an offer for every model of the catalog, what processes hold."""

    machine: Machine
    offers: dict[str, Offer]
    memory: Mapping[int, int] = field(default_factory=dict)


class Survey:
    """The last look, and the thread that takes the next."""

    def __init__(self, settings: NodeSettings, catalog: LiveCatalog) -> None:
        self._settings = settings
        self._catalog = catalog
        self._driver = Driver()
        self._files = FileReader(settings.allowed_folders)
        self._pids: tuple[int, ...] = ()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="survey", daemon=True)
        self.last: Surveyed | None = None

    def start(self) -> None:
        """Look for the first time, soon."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._over.set()

    def watch(self, pids: tuple[int, ...]) -> None:
        """Measure what these processes hold, from the next look on."""
        self._pids = pids

    def look(self) -> Surveyed:
        """The machine and the offers of this moment."""
        machine = this_machine(self._settings, self._driver)
        models = self._catalog.now().models
        facts = self._files.facts(models)
        offers = {model.name: offer(model, facts[model.name], machine) for model in models}
        return Surveyed(machine, offers, {pid: resident_bytes(pid) for pid in self._pids})

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                self.last = self.look()
            except Exception:  # whatever a file or a driver does, the next look may be better
                log.exception("the machine could not be looked at")
            self._over.wait(ROUND_S)
