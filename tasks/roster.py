"""The roster: which workers and keepers are at work, by their own reports, and who is elected."""

from __future__ import annotations

from typing import Literal

import msgspec

from tasks import hosts, scripts
from tasks.connection import Client, now_ms
from tasks.keys import Keys
from tasks.rows import readable
from tasks.settings import QueueSettings


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a model's worker says of itself every few seconds. ``expires_ms`` is Redis's clock.

    ``host`` and ``born`` with ``pid`` name its process (``hosts``). ``node`` is its name to remote
    control, ``fleet_node`` the node that keeps it alive, empty for one that runs by itself.
    ``progress`` of the loading is 0 to 1; ``busy`` jobs run, and since ``idle_ms`` none does (0:
    some do). ``since_ms`` is when it came into its state.
    """

    node: str
    state: Literal["loading", "ready", "draining", "failed"]
    pid: int
    slots: int
    context: int
    expires_ms: int
    reason: str | None = None
    host: str = ""
    born: int = 0
    fleet_node: str = ""
    fingerprint: str = ""
    device: str = "cpu"
    progress: float = 0.0
    busy: int = 0
    idle_ms: int = 0
    since_ms: int = 0
    memory_bytes: int = 0

    @property
    def gone(self) -> bool:
        """Whether its process is known here to have ended."""
        return hosts.is_gone(self.host, self.pid, self.born)


DRAIN = b"drain "
"""What a queue's control channel carries beside ids of jobs: this, and a worker's node name."""


class Roster:
    """Reports and the election. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)
        self._elect = scripts.load(client, "elect")

    def report(self, queue: str, instance: str, report: Report) -> None:
        """Say how the worker ``instance`` of ``queue`` is doing."""
        self._redis.hset(self._keys.workers(queue), instance, msgspec.json.encode(report))

    def retire(self, queue: str, instance: str) -> None:
        """Withdraw a worker's report."""
        self._redis.hdel(self._keys.workers(queue), instance)

    def workers(self, queue: str) -> dict[str, Report]:
        """The reports of the queue's workers that are alive."""
        now = now_ms(self._redis)
        reports = self.all_workers(queue)
        return {k: report for k, report in reports.items() if report.expires_ms > now}

    def all_workers(self, queue: str) -> dict[str, Report]:
        """The reports of the queue's workers, also of those that have gone silent."""
        return readable(self._redis.hgetall(self._keys.workers(queue)), Report)

    def prune(self, queue: str) -> None:
        """Drop the reports of workers that are long silent, and what is no report."""
        now = now_ms(self._redis)
        key = self._keys.workers(queue)
        rows = self._redis.hgetall(key)
        reports = readable(rows, Report)
        alive = {name.encode() for name, each in reports.items() if each.expires_ms >= now}
        if gone := rows.keys() - alive:
            self._redis.hdel(key, *gone)

    def ask_to_drain(self, queue: str, node: str) -> None:
        """Have the worker of that node name finish what it runs and take nothing more.

        It is said once and may be lost: whoever needs it looks at the report and says it again.
        """
        self._redis.publish(self._keys.control(queue), DRAIN + node.encode())

    def elect(
        self,
        candidate: str,
        term_s: float,
        seat: Literal["reconciler", "placer", "batch driver"] = "reconciler",
    ) -> bool:
        """Whether ``candidate`` has the ``seat``, of which there is one, for ``term_s`` seconds."""
        seats = {
            "reconciler": self._keys.reconciler,
            "placer": self._keys.placer,
            "batch driver": self._keys.batch_driver,
        }
        return bool(self._elect([seats[seat]], [candidate, int(term_s * 1000)]))

    def report_keeper(self, name: str, ttl_s: float) -> None:
        """Say that a keeper is at work, for ``ttl_s`` seconds."""
        self._redis.set(self._keys.keeper, name, px=int(ttl_s * 1000))

    def keeper(self) -> str | None:
        """The keeper that reported last, while its report holds."""
        name = self._redis.get(self._keys.keeper)
        return name.decode() if name else None
