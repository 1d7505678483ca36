"""Views of the nodes: a snapshot to a table with what is wrong below it, or to JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from console.fleet.fleet_rows import NodeRow
from console.fleet.fleet_snapshot import FleetSnapshot
from console.fleet.model_views import STYLES, status_text
from console.outage import Outage, headline
from console.screen import plain_table
from console.wording import clean, counted, one_line, size

_NUMBERS = ("cores", "memory", "restarts")


def nodes_view(snapshot: FleetSnapshot, outage: Outage | None = None) -> Group:
    """The table, and a line for each model that is in trouble and each node that is silent."""
    said = f"keeper: {clean(snapshot.keeper or 'none')}, memory: held by models/budget"
    return Group(
        *headline(snapshot.now_s, outage, said), nodes_table(snapshot), *_troubles(snapshot)
    )


def nodes_table(snapshot: FleetSnapshot) -> Table:
    """A line per node."""
    table = plain_table(
        *("node", "state", *_NUMBERS, "GPUs", "models"),
        names=("node", "GPUs", "models"),
        numbers=_NUMBERS,
    )
    for row in snapshot.nodes:
        node = row.report
        table.add_row(
            clean(node.name),
            _state(row),
            str(node.cores),
            f"{size(row.used_bytes)}/{size(node.budget_bytes)}",
            str(row.restarts),
            clean(gpus(row) or "-"),
            _models(row),
        )
    return table


def gpus(row: NodeRow) -> str:
    """A node's GPUs: name, and free of all memory."""
    return "; ".join(
        f"{gpu.index}: {gpu.name}, {size(gpu.free_bytes)} of {size(gpu.memory_bytes)} free"
        for gpu in row.report.gpus
    )


def nodes_json(snapshot: FleetSnapshot) -> bytes:
    """The snapshot's nodes as one JSON object; times in seconds, as their names say."""
    nodes = [_document(row) for row in snapshot.nodes]
    return msgspec.json.encode({"now_s": snapshot.now_s, "keeper": snapshot.keeper, "nodes": nodes})


def _document(row: NodeRow) -> dict[str, Any]:
    node = row.report
    return {
        "name": node.name,
        "alive": row.alive,
        "pid": node.pid,
        "started_s": node.started_ms / 1000,
        "cores": node.cores,
        "memory_bytes": node.memory_bytes,
        "budget_bytes": node.budget_bytes,
        "used_bytes": row.used_bytes,
        "gpus": [
            {**msgspec.to_builtins(gpu), "budget_bytes": node.gpu_budgets.get(gpu.index)}
            for gpu in node.gpus
        ],
        "engines": node.engines,
        "restarts": row.restarts,
        "models": [_model(row, name) for name in row.models],
    }


def _model(row: NodeRow, name: str) -> dict[str, Any]:
    status, child, assigned = row.models[name], row.report.children.get(name), row.assigned
    return {
        "name": name,
        "state": status.state,
        "reason": status.reason or None,
        "progress": status.progress,
        "order": assigned[name].order if name in assigned else None,
        "device": child.device if child else assigned[name].device,
        "pid": child.pid if child else None,
        "restarts": child.restarts if child else 0,
        "memory_bytes": child.host_bytes if child else 0,
        "gpu_bytes": child.gpu_bytes if child else 0,
    }


def _state(row: NodeRow) -> Text:
    if row.alive:
        return Text("alive", "green")
    return Text("gone" if row.report.gone else "silent", "red")


def _models(row: NodeRow) -> Text:
    if not row.models:
        return Text("-")
    return Text(", ").join(
        Text.assemble(clean(name), " ", status_text(status)) for name, status in row.models.items()
    )


def _troubles(snapshot: FleetSnapshot) -> Iterator[Text]:
    for row in snapshot.nodes:
        name = clean(row.report.name)
        if not row.alive:
            held = counted(len(row.models), "model")
            yield Text(f"{name}: its supervisor does not report; {held} assigned to it", "red")
        for model, status in row.models.items():
            if row.alive and status.reason:
                line = f"{name}: {clean(model)}: {status.state}: {one_line(status.reason)}"
                yield Text(line, STYLES[status.state])
    if not snapshot.nodes:
        yield Text("No node has reported. `millrace node` starts one on this machine.", "red")
