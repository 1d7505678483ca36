"""What the workers' reports say about each model."""

from __future__ import annotations

from typing import Literal

from tasks.catalog import Catalog
from tasks.model import Model
from tasks.roster import Report, Roster

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


def state_of(roster: Roster, model: Model) -> tuple[ModelState, str | None]:
    """The state of one model."""
    return best(list(roster.workers(model.queue).values()))


def states(roster: Roster, catalog: Catalog) -> dict[str, tuple[ModelState, str | None]]:
    """The state of every model that should be loaded."""
    return {model.name: state_of(roster, model) for model in catalog}
