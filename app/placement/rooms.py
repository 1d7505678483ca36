"""The room of all live nodes in one round: what is free, what will be, what is spoken for."""

from __future__ import annotations

from app.placement.draft import Draft
from app.placement.prospects import pinned_there
from app.placement.room import Bytes, budget, fits, held, is_known, less, total
from tasks.model import Model


class Rooms:
    """Follows the draft: a model that is served takes room at once, one that was put to rest gives
    it when its child is gone, and until then it is room to come.
    """

    def __init__(self, draft: Draft) -> None:
        self._draft = draft
        self._reserved: dict[str, list[Bytes]] = {node: [] for node in draft.view.nodes}

    def reserve(self, node: str, need: Bytes) -> None:
        """Keep room to come for a model that is next, so that none of those behind it takes it."""
        self._reserved[node].append(need)

    def could_ever(self, node: str, model: Model, need: Bytes) -> bool:
        """Whether the node could hold the model with all gone but the pinned ones."""
        view = self._draft.view
        allowed = budget(view.report(node))
        return fits(need, less(allowed, pinned_there(view, node, model.name)))

    def free(self, node: str) -> Bytes:
        """What is free now; nothing while it cannot be told what a model there takes."""
        view, given = self._draft.view, self._draft.assignments.get(node, {})
        served = {name: each for name, each in given.items() if each.order == "serve"}
        if not all(is_known(view, node, name, each) for name, each in served.items()):
            return {}
        return less(budget(view.report(node)), *self._holdings(node).values())

    def coming(self, node: str, leaving: tuple[str, ...] = ()) -> Bytes:
        """What is free, or will be when all have left that are to, and those of ``leaving`` too;
        less what is reserved.
        """
        holdings = self._holdings(node)
        staying = [
            holds
            for name, holds in holdings.items()
            if self._draft.is_served_on(node, name) and name not in leaving
        ]
        return less(budget(self._draft.view.report(node)), *staying, *self._reserved[node])

    def total(self, node: str) -> Bytes:
        """What the node's models hold now, or will have loaded."""
        return total(self._holdings(node).values())

    def _holdings(self, node: str) -> dict[str, Bytes]:
        view, given = self._draft.view, self._draft.assignments.get(node, {})
        names = {*given, *view.report(node).children}
        return {name: held(view, node, name, given.get(name)) for name in names}
