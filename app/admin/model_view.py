"""A model as the admin API shows it, and the queue that leads to it."""

from __future__ import annotations

from typing import Any

from app.admin.survey import Standing
from tasks.jobs import Priority
from tasks.model_state import is_wanted
from tasks.records import QueueDepths
from tasks.roster import Report


def render_model(standing: Standing, depths: QueueDepths) -> dict[str, Any]:
    """The model object. Times are seconds since the epoch, null where there is none."""
    model, status, wish = standing.model, standing.status, standing.wish
    return {
        "object": "model",
        "name": model.name,
        "aliases": list(model.aliases),
        "kind": model.kind,
        "source": model.source,
        "defined": "file" if standing.of_file else "admin",
        "device": model.device,
        "slots": model.slots,
        "context": model.context,
        "ttl_s": model.ttl_s,
        "pinned": model.pinned,
        "replicas": model.replicas,
        "state": status.state,
        "reason": status.reason or None,
        "progress": status.progress,
        "state_since": seconds(status.since_ms),
        "wanted": is_wanted(model, wish),
        "why": wish.why if wish else "start",
        "since": seconds(wish.at_ms) if wish else None,
        "idle_since": _idle_since(standing),
        "memory_bytes": sum(report.memory_bytes for report in standing.living),
        "nodes": sorted({*standing.children, *_served_by(standing)}),
        "workers": [_worker(report) for report in standing.reports],
        "queue": waiting_and_running(depths),
        "loads": standing.placement.loads if standing.placement else 0,
        "attempts": sum(1 + child.restarts for child in standing.children.values()),
    }


def waiting_and_running(depths: QueueDepths) -> dict[str, Any]:
    """How much of a queue waits, by priority, and how much runs."""
    return {
        "waiting": {each.name.lower(): depths.waiting[each] for each in Priority},
        "resuming": depths.resuming,
        "running": depths.running,
        "oldest_s": depths.oldest_s,
        "per_s": depths.ended_per_s,
    }


def seconds(stamp_ms: int) -> float | None:
    """A stamp as seconds since the epoch; 0 stands for none."""
    return stamp_ms / 1000 if stamp_ms else None


def _idle_since(standing: Standing) -> float | None:
    """Since when no ready worker runs anything; None while one does, or none is ready."""
    ready = [report for report in standing.reports if report.state == "ready"]
    if not ready or any(report.busy or not report.idle_ms for report in ready):
        return None
    return seconds(max(report.idle_ms for report in ready))


def _served_by(standing: Standing) -> set[str]:
    return {report.fleet_node for report in standing.living if report.fleet_node}


def _worker(report: Report) -> dict[str, Any]:
    return {
        "node": report.node,
        "fleet_node": report.fleet_node or None,
        "pid": report.pid,
        "state": report.state,
        "reason": report.reason,
        "device": report.device,
        "busy": report.busy,
        "progress": report.progress,
        "memory_bytes": report.memory_bytes,
        "since": seconds(report.since_ms),
    }
