"""A model and a node as views show them: what is reported of each, and what is planned."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tasks.fleet import Assignment, Child, NodeReport, Placement, Wish
from tasks.model import Model
from tasks.model_state import ModelStatus, is_wanted
from tasks.records import QueueDepths
from tasks.roster import Report


@dataclass(frozen=True, slots=True)
class ModelRow:
    """One model: its definition, its state, its workers and its queue.

    ``children`` are its processes by node; ``reports`` those of its workers that live, and of
    those that failed.
    """

    model: Model
    status: ModelStatus
    placement: Placement | None
    wish: Wish | None
    reports: tuple[Report, ...]
    children: Mapping[str, Child]
    depths: QueueDepths

    @property
    def wanted(self) -> bool:
        """Whether it should be loaded."""
        return is_wanted(self.model, self.wish)

    @property
    def living(self) -> tuple[Report, ...]:
        """The reports of processes that run."""
        return tuple(report for report in self.reports if report.state != "failed")

    @property
    def where(self) -> tuple[str, ...]:
        """The nodes that it is on or is to be on, and the hosts of workers that no node keeps."""
        reported = [report.fleet_node or host_of(report) for report in self.living]
        placed = self.placement.nodes if self.placement and self.wanted else ()
        return tuple(dict.fromkeys([*reported, *self.children, *placed]))

    @property
    def devices(self) -> tuple[str, ...]:
        """What it runs on; what its definition asks for while it does not run."""
        devices = [report.device for report in self.living]
        devices += [child.device for child in self.children.values()]
        return tuple(dict.fromkeys(devices)) or (self.model.device,)

    @property
    def busy(self) -> int:
        """How many jobs its workers run."""
        return sum(report.busy for report in self.living)

    @property
    def slots(self) -> int:
        """How many jobs its workers can run at once now."""
        return sum(report.slots for report in self.living if report.state == "ready")

    @property
    def host_bytes(self) -> int:
        """What its processes hold of their machines' memory."""
        reported = sum(report.memory_bytes for report in self.living)
        return reported or sum(child.host_bytes for child in self.children.values())

    @property
    def gpu_bytes(self) -> int:
        """What its processes hold of the GPUs' memory."""
        return sum(child.gpu_bytes for child in self.children.values())

    def idle_s(self, now_s: float) -> float | None:
        """For how long it has run nothing; None while it does, or is not ready."""
        ready = [report for report in self.living if report.state == "ready"]
        if not ready or not all(report.idle_ms for report in ready):
            return None
        return now_s - max(report.idle_ms for report in ready) / 1000


@dataclass(frozen=True, slots=True)
class NodeRow:
    """One node: its last report, whether it still reports, and what its models are doing."""

    report: NodeReport
    alive: bool
    assigned: Mapping[str, Assignment]
    models: Mapping[str, ModelStatus]

    @property
    def used_bytes(self) -> int:
        """What its models take of its budget."""
        return sum(child.host_bytes for child in self.report.children.values())

    @property
    def restarts(self) -> int:
        """How often its models' processes were started again."""
        return sum(child.restarts for child in self.report.children.values())


def host_of(report: Report) -> str:
    """The host in a worker's name to remote control."""
    return report.node.rpartition("@")[2]
