"""The plan as it grows: wishes and assignments, as they are at first and then as they are to be."""

from __future__ import annotations

from collections import Counter

from app.placement.failing import broken, failures
from app.placement.picture import WishChange
from app.placement.prospects import prospect
from app.placement.view import View
from tasks.fleet import Assignment, Seat, Why, Wish
from tasks.model import Model
from tasks.model_state import is_wanted


class Draft:
    """Changed by one step of ``plan`` after the other; lives for one call of it."""

    def __init__(self, view: View) -> None:
        self.view = view
        self.prospects = {name: prospect(view, model) for name, model in view.models.items()}
        self.broken = broken(view, self.prospects)
        self.failures = failures(view, self.broken)
        self.assignments = {node: dict(given) for node, given in view.facts.assignments.items()}
        self.started: Counter[str] = Counter()
        self.reasons: dict[str, str] = {}
        self.waiting: set[str] = set()
        self._wishes = dict(view.facts.wishes)

    def wish(self, name: str) -> Wish | None:
        """What is wished for the model."""
        return self._wishes.get(name)

    def is_wanted(self, name: str) -> bool:
        """Whether the model should be loaded; one that the catalog lost should not."""
        model = self.view.models.get(name)
        return model is not None and is_wanted(model, self.wish(name))

    def change_wish(self, name: str, wanted: bool, why: Why, since_ms: int | None = None) -> None:
        """Wish it so, from now on; or since it was so."""
        at_ms = self.view.now_ms if since_ms is None else since_ms
        self._wishes[name] = Wish(wanted, why, at_ms)

    def changes(self) -> tuple[WishChange, ...]:
        """The wishes that are not what they were."""
        before = self.view.facts.wishes
        return tuple(
            WishChange(name, before.get(name), after)
            for name, after in self._wishes.items()
            if after != before.get(name)
        )

    def is_served_on(self, node: str, name: str) -> bool:
        """Whether the node is to serve the model."""
        assignment = self.assignments.get(node, {}).get(name)
        return assignment is not None and assignment.order == "serve"

    def serving(self, name: str) -> list[str]:
        """The nodes that are to serve the model, and live or did a moment ago."""
        nodes = sorted(self.assignments)
        return [node for node in nodes if self.view.counts(node) and self.is_served_on(node, name)]

    def lingers(self, node: str, name: str) -> bool:
        """Whether the node has yet to be rid of the model before it can serve it anew."""
        if self.is_served_on(node, name):
            return False
        return name in self.assignments.get(node, {}) or name in self.view.report(node).children

    def leaving(self, node: str) -> list[str]:
        """The models that a live node has yet to be rid of."""
        names = {*self.assignments.get(node, {}), *self.view.report(node).children}
        return sorted(name for name in names if self.lingers(node, name))

    def wait(self, name: str, reason: str) -> None:
        """The model has to wait for room."""
        self.waiting.add(name)
        self.reasons[name] = reason

    def serve(self, node: str, model: Model, seat: Seat) -> None:
        """Have the node load the model."""
        self.assignments.setdefault(node, {})[model.name] = Assignment(seat.device)
        self.started[model.name] += 1

    def put_to_rest(self, name: str, why: Why) -> None:
        """Have the model leave wherever it is, when what runs has ended."""
        self.change_wish(name, wanted=False, why=why)
        for given in self.assignments.values():
            if name in given and given[name].order == "serve":
                given[name] = Assignment(given[name].device, "drain")
