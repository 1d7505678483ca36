"""Every model and every node at one moment, read from Redis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from console.fleet.fleet_rows import ModelRow, NodeRow
from console.place import Place, complain
from tasks.catalog import Catalog
from tasks.fleet import Assignment, NodeReport, Placement, Wish
from tasks.live_catalog import LiveCatalog
from tasks.model import CatalogError, Model
from tasks.model_state import ModelStatus, state_of

Models = Callable[[], Catalog]


@dataclass(frozen=True, slots=True)
class FleetSnapshot:
    """All models and nodes, and the keeper that reported last. ``now_s`` is Redis's clock."""

    now_s: float
    keeper: str | None
    models: tuple[ModelRow, ...]
    nodes: tuple[NodeRow, ...]


def known_models(place: Place) -> Models:
    """The catalog, as it is whenever one asks.

    Without a file that can be used, the models that were added at run time, and a line on stderr.
    """
    try:
        return LiveCatalog(place.settings, place.fleet.redis).now
    except CatalogError as error:
        complain(f"Models of the catalog's file are not shown: {error}")
        return lambda: Catalog(tuple(place.fleet.definitions().values()))


def read_fleet(place: Place, models: Models) -> FleetSnapshot:
    """Every model of the catalog and every node that left a report."""
    fleet = place.fleet
    nodes, alive = fleet.all_nodes(), fleet.nodes()
    placements, wishes = fleet.placements(), fleet.wishes()
    assignments = fleet.all_assignments()
    rows = tuple(
        read_model(place, model, alive, placements.get(model.name), wishes.get(model.name))
        for model in models()
    )
    return FleetSnapshot(
        place.records.now_s(),
        place.roster.keeper(),
        rows,
        tuple(
            _node(nodes[name], name in alive, assignments.get(name, {}), rows)
            for name in sorted(nodes)
        ),
    )


def read_model(
    place: Place,
    model: Model,
    nodes: Mapping[str, NodeReport],
    placement: Placement | None,
    wish: Wish | None,
) -> ModelRow:
    """One model, on ``nodes`` that are alive."""
    reports = list(place.roster.workers(model.queue).values())
    return ModelRow(
        model,
        state_of(model, placement, wish, reports, nodes),
        placement,
        wish,
        tuple(report for report in reports if report.state == "failed" or not report.gone),
        {
            name: node.children[model.name]
            for name, node in sorted(nodes.items())
            if model.name in node.children
        },
        place.records.queue(model.queue),
    )


def _node(
    node: NodeReport,
    alive: bool,
    assigned: Mapping[str, Assignment],
    rows: tuple[ModelRow, ...],
) -> NodeRow:
    by_name = {row.model.name: row for row in rows}
    names = sorted({*node.children, *assigned})
    return NodeRow(
        node,
        alive,
        assigned,
        {name: _standing(node, alive, name, by_name.get(name)) for name in names},
    )


def _standing(node: NodeReport, alive: bool, name: str, row: ModelRow | None) -> ModelStatus:
    """How a model stands on one node: as if it were nowhere else."""
    if row is None:
        child = node.children.get(name)
        return ModelStatus(
            "draining", "no such model any more", 1.0, child.since_ms if child else 0
        )
    return state_of(
        row.model,
        Placement("placed", (node.name,)),
        Wish(wanted=True, why="start", at_ms=0),
        [report for report in row.reports if report.fleet_node == node.name],
        {node.name: node} if alive else {},
    )
