"""The yard: the real stack under the harness's own hand, which kills, freezes and restarts it.

The commands are the runner's (``runner.parts``); what differs is who watches them. There are two
API processes, as behind a load balancer, and as many workers as the setup says.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import httpx2 as httpx
import redis

from faults.client import Client as Caller
from faults.found import Shelf
from faults.layout import laid_out, settings_of
from faults.part import Process, Reading
from faults.setup import Setup
from runner.ports import free_ports
from tasks.catalog import load_catalog
from tasks.connection import Client, connect
from tasks.keys import Keys
from tasks.model import Model
from tasks.roster import Roster

READY_S = 90.0
LOOK_S = 0.02
APIS = ("api-a", "api-b")


class NotReady(Exception):
    """Raised when something that was waited for did not come in time; the logs' ends are in it."""


class Yard:
    """A running stack of its own: folder, ports, processes.

    ``urls`` are the two APIs' addresses, A first. ``redis`` is a client of the queue's Redis.
    """

    def __init__(self, setup: Setup, folder: Path) -> None:
        self.setup = setup
        self.folder = folder
        ports = free_ports(4)
        self.urls = tuple(f"http://127.0.0.1:{port}" for port in ports[:2])
        self.settings = settings_of(setup, folder, ports)
        self.keys = Keys(self.settings.key_prefix)
        self.redis: Client = connect(self.settings.queue_url)
        self.shelf = Shelf(self.redis, self.keys)
        self.models: tuple[Model, ...] = load_catalog(self.settings).models
        self.parts: dict[str, Process] = {}
        environment = {
            **os.environ,
            **setup.variables,
            "PYTHONUNBUFFERED": "1",
            "MILLRACE_QUEUE_URL": self.settings.queue_url,
            "MILLRACE_CACHE_URL": self.settings.cache_url,
            "MILLRACE_DATA_DIR": str(folder),
            "MILLRACE_MODELS_FILE": str(setup.models_file),
            # An answer that is there already would prove nothing.
            "MILLRACE_CACHE": "off",
        }
        (folder / "log").mkdir(parents=True, exist_ok=True)
        for part in laid_out(setup, self.settings, self.models, APIS):
            own = {}
            if part.name in APIS:
                own["MILLRACE_API_PORT"] = str(ports[APIS.index(part.name)])
            self.parts[part.name] = Process(part, environment | own, folder / "log")
        self._closed = threading.Event()
        self._watch = threading.Thread(target=self._keep, name="yard", daemon=True)

    # ---- its life -----------------------------------------------------------------------

    def start(self) -> None:
        """Start every part, in order, and wait until all are ready."""
        self._watch.start()
        for part in self.parts.values():
            part.start()
        self.wait_ready()

    def close(self) -> None:
        """Stop every part, the last started first; none is left."""
        self._closed.set()
        if self._watch.ident:
            self._watch.join()
        for stage in sorted({part.part.stage for part in self.parts.values()}, reverse=True):
            ending = [part for part in self.parts.values() if part.part.stage == stage]
            threads = [threading.Thread(target=part.stop) for part in ending]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        self.redis.close()

    # ---- its parts ----------------------------------------------------------------------

    def part(self, name: str) -> Process:
        """``redis-queue``, ``redis-cache``, ``keeper``, ``api-a``, ``api-b``, or a worker."""
        return self.parts[name]

    def worker(self, model: str, number: int = 1) -> Process:
        """The worker of ``model``; the second where the setup has two."""
        return self.parts[f"worker-{model}-{number}"]

    @property
    def workers(self) -> list[Process]:
        """Every worker."""
        return [part for name, part in self.parts.items() if name.startswith("worker-")]

    def queue(self, model: str) -> str:
        """The queue that leads to ``model``."""
        return next(each.queue for each in self.models if each.name == model)

    def client(self, name: str) -> Caller:
        """A client of both APIs; ``name``, no two alike, is its book's."""
        return Caller(self.urls, self.folder / f"{name}.ids")

    def restart(self, name: str, env: Mapping[str, str] | None = None) -> None:
        """Stop a part in order and start it again, with changed variables if any are given."""
        part = self.parts[name]
        part.stop()
        part.env.update(env or {})
        part.start()

    def mend(self) -> None:
        """Undo what was left behind: thaw and start every part, and wait until all are ready."""
        for part in self.parts.values():
            part.thaw()
            part.start()
        self.wait_ready()

    def forget_tickets(self) -> None:
        """Drop the tickets that killed workers held: Celery gives them back after an hour."""
        self.redis.delete("unacked", "unacked_index")

    def readings(self) -> dict[str, Reading]:
        """What each part holds now."""
        return {name: part.reading() for name, part in self.parts.items()}

    # ---- waiting ------------------------------------------------------------------------

    def wait_ready(self, timeout_s: float = READY_S) -> float:
        """Wait until every part that is not held down serves; the seconds that it took."""
        return self.wait_for(self._all_ready, timeout_s, "the yard is not ready")

    def wait_worker(self, model: str, number: int = 1, timeout_s: float = READY_S) -> float:
        """Wait until the process that is the worker now reports that it takes jobs."""
        part = self.worker(model, number)
        return self.wait_for(
            lambda: self._worker_ready(part), timeout_s, f"{part.name} is not ready"
        )

    def wait_for(self, condition: Callable[[], bool], timeout_s: float, what: str) -> float:
        """Wait for a condition, through outages of Redis; ``NotReady`` says ``what`` is missing."""
        began = time.monotonic()
        while time.monotonic() - began < timeout_s:
            with contextlib.suppress(redis.RedisError, httpx.TransportError):
                if condition():
                    return time.monotonic() - began
            time.sleep(LOOK_S)
        raise NotReady(f"{what} after {timeout_s:.0f} s\n{self.said()}")

    def said(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"{name}:\n{part.said()}" for name, part in self.parts.items())

    def _all_ready(self) -> bool:
        apis = [url for name, url in zip(APIS, self.urls, strict=True) if self._up(name)]
        return all(self._api_ready(url) for url in apis) and all(
            self._worker_ready(part) for part in self.workers if not part.held_down
        )

    def _up(self, name: str) -> bool:
        return not self.parts[name].held_down

    def _api_ready(self, url: str) -> bool:
        answer = httpx.get(f"{url}/ready", timeout=5)
        kept = not self._up("keeper") or answer.json().get("keeper") == "ready"
        whole = all(not part.held_down for part in self.workers)
        return kept and (answer.status_code == 200 or not whole)

    def _worker_ready(self, part: Process) -> bool:
        command = part.part.command
        reports = Roster(self.redis, self.settings).workers(command[command.index("-Q") + 1])
        return any(each.pid == part.pid and each.state == "ready" for each in reports.values())

    def _keep(self) -> None:
        while not self._closed.wait(LOOK_S):
            for part in self.parts.values():
                part.look()


@contextlib.contextmanager
def opened(setup: Setup) -> Iterator[Yard]:
    """A yard, ready; gone at the end with its folder, whatever happened."""
    with tempfile.TemporaryDirectory(prefix="millrace-faults-") as name:
        yard = Yard(setup, Path(name))
        try:
            yard.start()
            yield yard
        finally:
            yard.close()
