"""Questions to the facts of one moment."""

from __future__ import annotations

from app.placement.memory import remembered
from app.placement.picture import GRACE_MS, Facts, Queue
from tasks.fleet import NodeReport, Offer, Seat
from tasks.model import Model
from tasks.roster import Report

# A node starts a child at once, and its report shows it within a second.
BIRTH_MS = 3_000

UNKNOWN = "does not know the model as it is defined here"


class View:
    """The facts, with what follows from them alone."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.now_ms = facts.now_ms
        self.nodes = facts.nodes
        self.models = {model.name: model for model in facts.models}
        self.memory = remembered(facts)
        self._prints = {model.name: model.fingerprint for model in facts.models}

    def fingerprint(self, name: str) -> str:
        """That of the model's definition now."""
        return self._prints[name]

    def counts(self, node: str) -> bool:
        """Whether what is assigned to the node counts as served: it lives, or did a moment ago."""
        return self.now_ms - self.memory.seen_ms.get(node, 0) < GRACE_MS

    @property
    def restarting(self) -> list[str]:
        """The nodes that fell silent a moment ago."""
        return sorted(n for n in self.memory.seen_ms if n not in self.nodes and self.counts(n))

    def report(self, node: str) -> NodeReport:
        """The report of a live node."""
        return self.nodes[node]

    def offer(self, node: str, model: Model) -> Offer | None:
        """What a live node offers for the model as it is defined now; None: it will say so soon."""
        offer = self.nodes[node].offers.get(model.name)
        if offer is not None and offer.fingerprint == self._prints[model.name]:
            return offer
        since_ms = self.memory.unsure_ms.get((node, model.name), self.now_ms)
        if self.now_ms - since_ms < GRACE_MS:
            return None
        return Offer(self._prints[model.name], reason=UNKNOWN)

    def seat(self, node: str, name: str, device: str) -> Seat | None:
        """The seat on ``device`` that a live node offered for the model, by whatever definition."""
        offer = self.nodes[node].offers.get(name)
        seats = offer.seats if offer else ()
        return next((seat for seat in seats if seat.device == device), None)

    def holds(self, node: str, name: str) -> bool:
        """Whether a live node has a child of the model, or may have begun one unreported."""
        if name in self.nodes[node].children:
            return True
        since_ms = self.memory.unborn_ms.get((node, name), 0)
        return self.now_ms - since_ms < BIRTH_MS

    def queue(self, name: str) -> Queue:
        """What waits for the model and what runs."""
        return self.facts.queues.get(name, Queue())

    def reports(self, name: str, node: str | None = None) -> list[Report]:
        """The reports of the model's workers: of all, or of those that a node keeps."""
        reports = self.facts.workers.get(name, ())
        return [report for report in reports if node is None or report.fleet_node == node]

    def serves_itself(self, name: str) -> bool:
        """Whether a worker that no node keeps serves the model, or is about to."""
        return any(report.state in ("ready", "loading") for report in self.reports(name, ""))

    def ready_since(self, name: str, node: str) -> int | None:
        """Since when the model is ready on the node; None when it is not."""
        ready = [each.since_ms for each in self.reports(name, node) if each.state == "ready"]
        return min(ready, default=None)

    def idle_since(self, name: str, nodes: list[str]) -> int | None:
        """Since when the model, served on ``nodes``, is idle; None while it is in use, or loads."""
        queue = self.queue(name)
        if queue.waiting or queue.running:
            return None
        idle: list[int] = []
        for node in nodes:
            ready = [report for report in self.reports(name, node) if report.state == "ready"]
            if not ready or any(report.busy for report in ready):
                return None
            idle += [report.idle_ms or report.since_ms for report in ready]
        return max(idle, default=None)
