"""The view of one model: its definition, how it stands, and what each node says of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec
from rich.table import Table

from console.fleet.fleet_rows import ModelRow
from console.fleet.model_views import memory, status_text
from console.screen import two_columns
from console.wording import clean, moment, one_line, size, span
from tasks.fleet import NodeReport, Offer
from tasks.model import Model
from tasks.roster import Report

Line = tuple[str, str]

# What the view tells in lines of its own, or nobody set.
_TOLD = ("name", "aliases", "kind", "source", "created_at", "restricted", "runtime", "tokens_per_s")


def model_table(
    row: ModelRow, nodes: Mapping[str, NodeReport], *, added: bool, now_s: float
) -> Table:
    """Two columns: what, and how it stands."""
    grid = two_columns()
    grid.add_row("model", clean(row.model.name))
    grid.add_row("state", status_text(row.status))
    lines = [
        *_standing(row, now_s),
        *_definition(row.model, added=added),
        *((f"worker {report.node}", _worker(report)) for report in row.reports),
        *_offers(row.model, nodes),
    ]
    for name, text in lines:
        grid.add_row(clean(name), clean(text))
    return grid


def _standing(row: ModelRow, now_s: float) -> Iterator[Line]:
    status, wish = row.status, row.wish
    if status.reason:
        yield "reason", one_line(status.reason)
    if status.since_ms:
        yield "since", moment(status.since_ms / 1000, now_s)
    if wish is not None:
        asked = "loaded" if wish.wanted else "unloaded, at once" if wish.force else "unloaded"
        yield "asked for", f"{asked} ({wish.why}), {moment(wish.at_ms / 1000, now_s)}"
    else:
        yield "asked for", "loaded (start)" if row.wanted else "when a request comes for it"
    if row.where:
        yield "on", f"{', '.join(row.where)} ({', '.join(row.devices)})"
    if row.placement is not None:
        yield "loads", str(row.placement.loads)
    if row.living:
        yield "slots", f"{row.busy} busy of {row.slots}"
        yield "memory", memory(row.host_bytes, row.gpu_bytes)
        yield "idle for", span(row.idle_s(now_s))
    yield "waiting", str(row.depths.depth)


def _definition(model: Model, *, added: bool) -> Iterator[Line]:
    origin = "added at run time" if added else "of the catalog's file"
    yield "definition", f"{origin}, over the network" if model.restricted else origin
    yield "kind", f"{model.kind}, by the {model.engine} runtime"
    if model.aliases:
        yield "aliases", ", ".join(model.aliases)
    yield "queue", model.queue
    yield "source", model.source
    for field in msgspec.structs.fields(model):
        value = getattr(model, field.name)
        if field.name not in _TOLD and value is not None:
            yield field.name, str(value).lower() if isinstance(value, bool) else str(value)


def _worker(report: Report) -> str:
    keeper = f"kept by {report.fleet_node}" if report.fleet_node else "kept by no node"
    reason = f": {one_line(report.reason)}" if report.reason else ""
    return (
        f"{report.state}{reason}, pid {report.pid}, {keeper}, {report.device}, {report.busy} of"
        f" {report.slots} slots busy, {size(report.memory_bytes)}"
    )


def _offers(model: Model, nodes: Mapping[str, NodeReport]) -> Iterator[Line]:
    for name, node in sorted(nodes.items()):
        offer = node.offers.get(model.name)
        child = node.children.get(model.name)
        told = [_offer(offer) if offer else "does not know the model yet"]
        if child is not None:
            paused = f": {one_line(child.reason)}" if child.reason else ""
            told.append(f"its process is {child.state}{paused}, {child.restarts} restarts")
        yield f"node {name}", "; ".join(told)


def _offer(offer: Offer) -> str:
    if not offer.seats:
        return f"cannot serve it: {one_line(offer.reason)}"
    seats = (f"{each.device} ({memory(each.host_bytes, each.gpu_bytes)})" for each in offer.seats)
    return f"can serve it on {', '.join(seats)}"
