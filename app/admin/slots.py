"""What each slot of a model's workers is doing, as the workers say when they are asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.questions import Questions
from tasks.gateway import Gateway
from tasks.model import Model
from tasks.roster import Report

COMMAND = "slots"


@dataclass(frozen=True, slots=True)
class WorkerSlots:
    """A ready worker and what it says of its slots; ``answered`` is False where it said nothing."""

    model: Model
    report: Report
    answered: bool
    slots: tuple[Mapping[str, Any], ...]


class Slots:
    """Asks workers by remote control."""

    def __init__(self, gateway: Gateway, questions: Questions) -> None:
        self._gateway = gateway
        self._questions = questions

    def of(self, models: Sequence[Model]) -> list[WorkerSlots]:
        """Every ready worker of the models, asked all at once."""
        ready = [
            (model, report)
            for model in models
            for _, report in sorted(self._gateway.roster.workers(model.queue).items())
            if report.state == "ready" and not report.gone
        ]
        nodes = sorted({report.node for _, report in ready})
        replies = self._questions.inspect(nodes, COMMAND) if nodes else {}
        return [_told(model, report, replies.get(report.node)) for model, report in ready]


def _told(model: Model, report: Report, reply: object) -> WorkerSlots:
    if not isinstance(reply, dict) or "error" in reply:
        return WorkerSlots(model, report, False, ())
    if isinstance(jobs := reply.get("jobs"), list):
        # An embedding model takes jobs together: they are in no slot of their own.
        return WorkerSlots(model, report, True, tuple(map(_facts, jobs)))
    numbered = sorted((int(slot), facts) for slot, facts in reply.items() if str(slot).isdigit())
    slots = tuple({"slot": slot} | _facts(facts) for slot, facts in numbered)
    return WorkerSlots(model, report, True, slots)


def _facts(facts: object) -> dict[str, Any]:
    """A slot's facts; a worker of an older release names its job alone."""
    return dict(facts) if isinstance(facts, dict) else {"job": facts}


def render_worker_slots(told: WorkerSlots) -> dict[str, Any]:
    """A worker's slots as the admin API shows them."""
    return {
        "object": "worker.slots",
        "model": told.model.name,
        "node": told.report.node,
        "fleet_node": told.report.fleet_node or None,
        "answered": told.answered,
        "total": told.report.slots,
        "slots": list(told.slots),
    }
