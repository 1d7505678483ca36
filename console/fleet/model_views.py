"""Views of the models: a snapshot to a table with the reasons below it, or to JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from console.fleet.fleet_rows import ModelRow
from console.fleet.fleet_snapshot import FleetSnapshot
from console.outage import Outage, headline
from console.screen import plain_table
from console.wording import clean, one_line, size, span
from tasks.model_state import ModelStatus

STYLES = {
    "ready": "green",
    "loading": "cyan",
    "draining": "cyan",
    "failed": "red",
    "waiting": "yellow",
    "unplaceable": "red",
    "unloaded": "dim",
    "missing": "red",
}
_NUMBERS = ("slots", "memory", "waiting", "idle for")


def models_view(snapshot: FleetSnapshot, outage: Outage | None = None) -> Group:
    """The table, a line for each model that has something to say, and what is missing."""
    said = f"keeper: {clean(snapshot.keeper or 'none')}"
    return Group(
        *headline(snapshot.now_s, outage, said),
        models_table(snapshot),
        *reasons(snapshot),
        *(Text(line, "red") for line in faults(snapshot)),
    )


def models_table(snapshot: FleetSnapshot) -> Table:
    """A line per model."""
    table = plain_table(
        *("model", "kind", "state", "node", "device", *_NUMBERS),
        names=("model", "node"),
        numbers=_NUMBERS,
    )
    for row in snapshot.models:
        table.add_row(
            clean(row.model.name),
            row.model.kind,
            status_text(row.status),
            clean(", ".join(row.where) or "-"),
            ", ".join(row.devices),
            f"{row.busy}/{row.slots}" if row.living else "-",
            memory(row.host_bytes, row.gpu_bytes),
            str(row.depths.depth),
            span(row.idle_s(snapshot.now_s)),
        )
    return table


def status_text(status: ModelStatus) -> Text:
    """A model's state in its colour, and how far its loading has come."""
    progress = f" {status.progress:.0%}" if status.state == "loading" else ""
    return Text(f"{status.state}{progress}", STYLES[status.state])


def memory(host_bytes: int, gpu_bytes: int) -> str:
    """What is held of a machine's memory, and of its GPUs'."""
    if not host_bytes:
        return "-"
    return f"{size(host_bytes)} + {size(gpu_bytes)} GPU" if gpu_bytes else size(host_bytes)


def reasons(snapshot: FleetSnapshot) -> Iterator[Text]:
    """Why models stand as they do, a line each."""
    for row in snapshot.models:
        if row.status.reason:
            state = row.status.state
            line = f"{clean(row.model.name)}: {state}: {one_line(row.status.reason)}"
            yield Text(line, STYLES[state])


def faults(snapshot: FleetSnapshot) -> Iterator[str]:
    """What is missing, a line each."""
    if snapshot.keeper is None:
        yield "No keeper reports: no model is placed, loaded on demand or unloaded when idle."
    nobody = not any(node.alive for node in snapshot.nodes)
    if nobody and snapshot.models and not any(row.living for row in snapshot.models):
        yield "No node is alive: nothing is loaded. `millrace node` starts one."
    if not snapshot.models:
        yield "There are no models: models.toml has none, and none was added."


def models_json(snapshot: FleetSnapshot) -> bytes:
    """The snapshot's models as one JSON object; times in seconds, as their names say."""
    models = [model_document(row, snapshot.now_s) for row in snapshot.models]
    return msgspec.json.encode(
        {"now_s": snapshot.now_s, "keeper": snapshot.keeper, "models": models}
    )


def model_document(row: ModelRow, now_s: float) -> dict[str, Any]:
    """One model: what it is, how it stands, and its workers."""
    model, status = row.model, row.status
    return {
        "name": model.name,
        "aliases": model.aliases,
        "kind": model.kind,
        "queue": model.queue,
        "state": status.state,
        "reason": status.reason or None,
        "progress": status.progress,
        "since_s": status.since_ms / 1000 or None,
        "wanted": row.wanted,
        "why": row.wish.why if row.wish else "start",
        "loads": row.placement.loads if row.placement else 0,
        "nodes": row.where,
        "devices": row.devices,
        "slots": row.slots,
        "busy": row.busy,
        "memory_bytes": row.host_bytes,
        "gpu_bytes": row.gpu_bytes,
        "waiting": row.depths.depth,
        "running": row.depths.running,
        "idle_s": row.idle_s(now_s),
        "workers": [
            {
                "name": report.node,
                "node": report.fleet_node or None,
                "pid": report.pid,
                "state": report.state,
                "reason": report.reason,
                "device": report.device,
                "slots": report.slots,
                "busy": report.busy,
                "memory_bytes": report.memory_bytes,
            }
            for report in row.reports
        ],
    }
