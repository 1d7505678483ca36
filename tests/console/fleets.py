"""Nodes and workers that say of themselves what a test says for them."""

from __future__ import annotations

from typing import Any

from tasks import hosts
from tasks.connection import Client, now_ms
from tasks.fleet import Child, Fleet, Gpu, NodeReport, Offer, Placement, Seat, Wish
from tasks.model import Model
from tasks.roster import Report, Roster
from tasks.settings import QueueSettings

MIB = 2**20
GIB = 2**30
SEAT = Offer("", (Seat("cpu", 200 * MIB),))


class Fleets:
    """The fleet of a test, and its roster."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self.fleet = Fleet(client, settings)
        self.roster = Roster(client, settings)
        self.settings = settings

    @property
    def now_ms(self) -> int:
        """Redis's clock."""
        return now_ms(self.fleet.redis)

    def model(self, name: str, **fields: Any) -> Model:
        """A model that was added at run time."""
        model = Model(**{"name": name, "kind": "chat", "source": "echo:", **fields})
        self.fleet.define(model)
        return model

    def node(self, name: str, *children: Child, **fields: Any) -> None:
        """A node that is alive, with these processes."""
        given = {
            "host": "",
            "pid": 7,
            "born": 1,
            "started_ms": self.now_ms,
            "cores": 16,
            "memory_bytes": 64 * GIB,
            "budget_bytes": 48 * GIB,
            "expires_ms": self.now_ms + 60_000,
            "children": {child.model: child for child in children},
        }
        self.fleet.report(NodeReport(**{**given, "name": name, **fields}))

    def child(self, model: Model, state: str = "running", **fields: Any) -> Child:
        """A model's process under a node."""
        given = {"model": model.name, "device": "cpu", "fingerprint": model.fingerprint}
        return Child(**{**given, "state": state, "since_ms": self.now_ms, **fields})

    def worker(self, model: Model, state: str, node: str = "box", **fields: Any) -> None:
        """A worker of the model, kept by the node, or by none where that is empty."""
        given = {
            "node": f"{model.queue}@{node or 'host-9'}",
            "pid": 8,
            "slots": 4,
            "context": 512,
            "fleet_node": node,
            "fingerprint": model.fingerprint,
            "since_ms": self.now_ms,
            "expires_ms": self.now_ms + 60_000,
            "memory_bytes": 300 * MIB,
        }
        report = Report(**{**given, "state": state, **fields})
        self.roster.report(model.queue, f"{report.node}#1", report)

    def gone(self, model: Model, node: str = "box") -> None:
        """The worker has ended."""
        self.roster.retire(model.queue, f"{model.queue}@{node or 'host-9'}#1")

    def placed(self, **placements: Placement) -> None:
        """What the placer says, of models without a dash in their names."""
        self.fleet.place(placements)

    def wish(self, model: Model) -> Wish | None:
        """What was wished for the model."""
        return self.fleet.wishes().get(model.name)


def ended() -> dict[str, Any]:
    """A process that ended on this machine: no pid is as large."""
    return {"pid": 2**22 + 1, "host": hosts.this_host(), "born": 1}


def gpu(index: int = 0, free: int = 20 * GIB) -> Gpu:
    """A large one."""
    return Gpu(index, "NVIDIA Imaginary 5090", 24 * GIB, free)
