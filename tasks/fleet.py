"""The fleet: the nodes, what each offers and does, which models should be loaded, and where.

Nodes report; a keeper's placer reads the reports and the queues, and assigns; nodes follow their
assignments. All of it lies in Redis, so that every process sees the same and a restart brings back
what was loaded. Nothing here is needed to serve: with all nodes' supervisors and all keepers gone,
the workers that run go on.
"""

from __future__ import annotations

import logging
from typing import Literal

import msgspec

from tasks import hosts, scripts
from tasks.connection import Client, now_ms
from tasks.keys import Keys
from tasks.model import Model
from tasks.rows import readable
from tasks.settings import QueueSettings

log = logging.getLogger(__name__)


class Gpu(msgspec.Struct, frozen=True):
    """A GPU of a node, as its driver tells it; ``index`` is the one in ``cuda:<index>``."""

    index: int
    name: str
    memory_bytes: int
    free_bytes: int


class Seat(msgspec.Struct, frozen=True):
    """A place that a model could have on a node: on ``device``, and what it takes there."""

    device: str
    host_bytes: int
    gpu_bytes: int = 0


class Offer(msgspec.Struct, frozen=True):
    """Whether a node can serve a model: its seats, the best first; without one, the reason."""

    fingerprint: str
    seats: tuple[Seat, ...] = ()
    reason: str = ""


ChildState = Literal["starting", "running", "stopping", "paused"]


class Child(msgspec.Struct, frozen=True, kw_only=True):
    """A model's worker process under a node.

    ``paused``: it died, and is started again after a pause; ``reason`` says how it died.
    ``host_bytes`` is what it holds now, or what it was offered with while that is more.
    """

    model: str
    device: str
    fingerprint: str
    state: ChildState
    since_ms: int
    pid: int = 0
    restarts: int = 0
    reason: str = ""
    host_bytes: int = 0
    gpu_bytes: int = 0


class NodeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a node says of itself every second or so; ``expires_ms`` is Redis's clock.

    ``budget_bytes`` is what its models may take of ``memory_bytes``, ``gpu_budgets`` the same
    for each GPU, by index. ``host`` and ``born`` with ``pid`` name its process (``hosts``).
    """

    name: str
    host: str
    pid: int
    born: int
    expires_ms: int
    started_ms: int
    cores: int
    memory_bytes: int
    budget_bytes: int
    gpus: tuple[Gpu, ...] = ()
    gpu_budgets: dict[int, int] = {}
    engines: tuple[str, ...] = ()
    offers: dict[str, Offer] = {}
    children: dict[str, Child] = {}

    @property
    def gone(self) -> bool:
        """Whether its process is known here to have ended."""
        return hosts.is_gone(self.host, self.pid, self.born)


class Assignment(msgspec.Struct, frozen=True):
    """A model that a node is to serve, on ``device``.

    ``drain``: what runs is finished and nothing more taken, then the process ends. ``stop``: the
    process ends now and gives its jobs back. A model that is not assigned is drained.
    """

    device: str
    order: Literal["serve", "drain", "stop"] = "serve"


Why = Literal["start", "admin", "request", "idle", "evicted", "turn"]


class Wish(msgspec.Struct, frozen=True):
    """Whether a model should be loaded now, why, and since when.

    Wanted at the ``start``, by an ``admin``, or by a ``request`` that came for it. Not wanted after
    an admin's word, when ``idle`` for its time, ``evicted`` for another, or for another's ``turn``.
    ``force``: unload without waiting for what runs.
    """

    wanted: bool
    why: Why
    at_ms: int
    force: bool = False


class Placement(msgspec.Struct, frozen=True):
    """Where a model is, or why it is nowhere.

    ``placed`` on ``nodes``; ``waiting`` for room that others still use; ``unplaceable`` on any
    node of today, with the ``reason``; ``unloaded`` because nobody wants it. ``loads`` counts how
    often it was assigned to a node.
    """

    state: Literal["placed", "waiting", "unplaceable", "unloaded"]
    nodes: tuple[str, ...] = ()
    reason: str = ""
    loads: int = 0


class Fleet:
    """Reads and writes the fleet's keys. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self.redis = client
        self._keys = Keys(settings.key_prefix)
        self._swap = scripts.load(client, "swap")

    def report(self, report: NodeReport) -> None:
        """Say what a node is and does."""
        self.redis.hset(self._keys.nodes, report.name, msgspec.json.encode(report))

    def retire(self, name: str) -> None:
        """Withdraw a node's report."""
        self.redis.hdel(self._keys.nodes, name)

    def nodes(self) -> dict[str, NodeReport]:
        """The nodes that are alive, by name."""
        now = now_ms(self.redis)
        found = self.all_nodes().items()
        return {name: each for name, each in found if each.expires_ms > now and not each.gone}

    def all_nodes(self) -> dict[str, NodeReport]:
        """Every node's last report, also of those that have gone silent."""
        return readable(self.redis.hgetall(self._keys.nodes), NodeReport)

    def forget_silent(self, silent_ms: int) -> list[str]:
        """Forget the nodes that reported last so long ago, and what they were to serve; who.

        Machines that come and go bear new names: what they left is read in every round.
        """
        oldest_ms = now_ms(self.redis) - silent_ms
        gone = [name for name, each in self.all_nodes().items() if each.expires_ms < oldest_ms]
        if gone:
            self.redis.hdel(self._keys.nodes, *gone)
            self.redis.hdel(self._keys.assignments, *gone)
        return gone

    def assignments(self, node: str) -> dict[str, Assignment]:
        """What a node is to serve, by model."""
        row = self.redis.hget(self._keys.assignments, node)
        return msgspec.json.decode(row, type=dict[str, Assignment]) if row else {}

    def all_assignments(self) -> dict[str, dict[str, Assignment]]:
        """What every node is to serve, by node and model."""
        return readable(self.redis.hgetall(self._keys.assignments), dict[str, Assignment])

    def assign(self, node: str, assignments: dict[str, Assignment]) -> None:
        """Say what a node is to serve, all of it; nothing forgets the node."""
        if assignments:
            self.redis.hset(self._keys.assignments, node, msgspec.json.encode(assignments))
        else:
            self.redis.hdel(self._keys.assignments, node)

    def wishes(self) -> dict[str, Wish]:
        """What was wished for each model, by name; one without a wish has its definition's."""
        return readable(self.redis.hgetall(self._keys.wishes), Wish)

    def wish(self, model: str, wish: Wish | None) -> None:
        """Wish it so, whatever was wished before; None forgets it."""
        if wish is None:
            self.redis.hdel(self._keys.wishes, model)
        else:
            self.redis.hset(self._keys.wishes, model, msgspec.json.encode(wish))

    def wish_after(self, model: str, before: Wish | None, wish: Wish) -> bool:
        """Wish it so, unless another wish than ``before`` has come in between."""
        expected = b"" if before is None else msgspec.json.encode(before)
        done = self._swap([self._keys.wishes], [model, expected, msgspec.json.encode(wish)])
        return bool(done)

    def definitions(self) -> dict[str, Model]:
        """The models that were added at run time, by name; what a newer release wrote may lack."""
        found = {}
        for name, row in self.redis.hgetall(self._keys.definitions).items():
            try:
                found[name.decode()] = msgspec.json.decode(row, type=Model)
            except (msgspec.MsgspecError, UnicodeDecodeError) as error:
                log.warning("a definition cannot be read: %s", error)
        return found

    def define(self, model: Model) -> None:
        """Add a model, or change one that was added. The catalog's file goes before it."""
        self.redis.hset(self._keys.definitions, model.name, msgspec.json.encode(model))

    def forget(self, model: str) -> None:
        """Take back a definition."""
        self.redis.hdel(self._keys.definitions, model)

    def placements(self) -> dict[str, Placement]:
        """Where each model is, by name, as the placer saw it last."""
        return readable(self.redis.hgetall(self._keys.placements), Placement)

    def place(self, placements: dict[str, Placement]) -> None:
        """Say where each model is; those left out are forgotten."""
        key = self._keys.placements
        with self.redis.pipeline(transaction=True) as pipe:
            pipe.delete(key)
            if placements:
                rows = {name: msgspec.json.encode(each) for name, each in placements.items()}
                pipe.hset(key, mapping=rows)
            pipe.execute()
