"""What the workers' reports say about each model."""

from __future__ import annotations

from typing import Literal

from tasks.catalog import Catalog, Model
from tasks.ledger import Ledger, Report

ModelState = Literal["ready", "loading", "draining", "failed", "missing"]
# A model is as well as its best worker.
ORDER: tuple[ModelState, ...] = ("ready", "loading", "draining", "failed")


def best(reports: list[Report]) -> tuple[ModelState, str | None]:
    """The state of a model whose workers report this, and the reason of a failure."""
    for state in ORDER:
        for report in reports:
            if report.state == state:
                return state, report.reason
    return "missing", None


def state_of(ledger: Ledger, model: Model) -> tuple[ModelState, str | None]:
    """The state of one model."""
    return best(list(ledger.workers(model.queue).values()))


def states(ledger: Ledger, catalog: Catalog) -> dict[str, tuple[ModelState, str | None]]:
    """The state of every model that should be loaded."""
    return {model.name: state_of(ledger, model) for model in catalog}
