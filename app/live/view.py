"""What a visitor is shown, as JSON: pure, and the same bytes for the same sight and rights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from app.admin.fleet_views import render_node
from app.admin.slots import WorkerSlots, render_worker_slots
from app.live.sight import ModelSight, Sight
from app.live.visitor import Visitor
from tasks.model_state import is_wanted

AWAY = b'{"type":"away"}'
SAME = b'{"type":"same"}'


def render_welcome(visitor: Visitor, *, admin_exists: bool) -> bytes:
    """The first answer: what this visitor may do."""
    told = {"type": "welcome", "admin": visitor.admin, "admin_exists": admin_exists}
    return msgspec.json.encode(told | {"key": visitor.key is not None})


def render_sight(sight: Sight | None, visitor: Visitor) -> bytes:
    """What the visitor may see of it; ``AWAY`` where nothing could be read."""
    if sight is None:
        return AWAY
    shown = [each for each in sight.models if visitor.sees(each.standing.model.name)]
    told: dict[str, Any] = {
        "type": "state",
        "keeper": sight.keeper,
        "models": [_model(each, visitor) for each in shown],
    }
    if visitor.admin:
        told["nodes"] = [
            render_node(
                node, alive=name not in sight.silent, assignments=sight.assignments.get(name, {})
            )
            for name, node in sorted(sight.nodes.items())
        ]
    return msgspec.json.encode(told)


def render_slots(found: Sequence[WorkerSlots] | None) -> bytes:
    """What each slot does, for those with the admin key; None while nobody could be asked."""
    workers = [render_worker_slots(told) for told in found or ()]
    return msgspec.json.encode({"type": "slots", "workers": workers})


def _model(seen: ModelSight, visitor: Visitor) -> dict[str, Any]:
    standing, depths = seen.standing, seen.depths
    model, status = standing.model, standing.status
    ready = [report for report in standing.living if report.state in ("ready", "draining")]
    told = {
        "name": model.name,
        "kind": model.kind,
        "sees": model.sees,
        "context": model.context,
        "state": status.state,
        "reason": status.reason,
        "progress": round(status.progress, 3),
        "slots": sum(report.slots for report in ready),
        "running": depths.running,
        "waiting": depths.depth,
        # Whole seconds: a figure that is new each time would make every message a new one.
        "oldest_s": None if depths.oldest_s is None else int(depths.oldest_s),
        "per_s": round(depths.ended_per_s, 2),
        "tokens_per_s": round(seen.tokens_per_s, 1),
    }
    if visitor.admin:
        told |= {
            "wanted": is_wanted(model, standing.wish),
            "memory_bytes": sum(report.memory_bytes for report in standing.living),
            "nodes": sorted(standing.children),
            "device": model.device,
        }
    return told
