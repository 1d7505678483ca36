"""Nodes and queues as the admin API shows them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.admin.model_view import seconds, waiting_and_running
from tasks.fleet import Assignment, Child, Gpu, NodeReport
from tasks.records import QueueDepths
from tasks.roster import Report


def render_node(
    node: NodeReport, *, alive: bool, assignments: Mapping[str, Assignment]
) -> dict[str, Any]:
    """A node: what it is, what its models take of it, and what it cannot serve."""
    children = node.children
    return {
        "object": "node",
        "name": node.name,
        "alive": alive,
        "pid": node.pid,
        "started": seconds(node.started_ms),
        "engines": list(node.engines),
        "cores": node.cores,
        "memory_bytes": node.memory_bytes,
        "budget_bytes": node.budget_bytes,
        "used_bytes": sum(child.host_bytes for child in children.values()),
        "gpus": [_gpu(gpu, node) for gpu in node.gpus],
        "models": [
            _process(name, children.get(name), assignments.get(name))
            for name in sorted({*children, *assignments})
        ],
        "cannot_serve": {
            name: offer.reason for name, offer in sorted(node.offers.items()) if not offer.seats
        },
    }


def render_queue(
    depths: QueueDepths, model: str | None, reports: Iterable[Report]
) -> dict[str, Any]:
    """A queue; ``model`` is None where no model leads to it any more."""
    ready = [report for report in reports if report.state == "ready" and not report.gone]
    return {
        "object": "queue",
        "queue": depths.queue,
        "model": model,
        **waiting_and_running(depths),
        "tickets": depths.tickets,
        "workers_ready": len(ready),
        "slots": sum(report.slots for report in ready),
    }


def _gpu(gpu: Gpu, node: NodeReport) -> dict[str, Any]:
    device = f"cuda:{gpu.index}"
    on_it = [child for child in node.children.values() if child.device == device]
    return {
        "index": gpu.index,
        "name": gpu.name,
        "memory_bytes": gpu.memory_bytes,
        "free_bytes": gpu.free_bytes,
        "budget_bytes": node.gpu_budgets.get(gpu.index, 0),
        "used_bytes": sum(child.gpu_bytes for child in on_it),
    }


def _process(model: str, child: Child | None, assignment: Assignment | None) -> dict[str, Any]:
    """A model's process, and what its node is to do with it; null where there is none."""
    placed = {
        "model": model,
        "order": assignment.order if assignment else None,
        "device": child.device if child else assignment.device if assignment else None,
    }
    if child is None:
        return placed | {"state": None}
    return placed | {
        "state": child.state,
        "pid": child.pid or None,
        "since": seconds(child.since_ms),
        "restarts": child.restarts,
        "reason": child.reason or None,
        "host_bytes": child.host_bytes,
        "gpu_bytes": child.gpu_bytes,
    }
