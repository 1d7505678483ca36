"""``/health`` (this process is alive) and ``/ready`` (a request would be served now)."""

from __future__ import annotations

import msgspec
import redis
from flask import Blueprint, Response

from app.drain import drain
from app.readiness import readiness
from app.services import services
from tasks.model_state import ModelStatus

routes = Blueprint("health", __name__)


@routes.get("/health")
def health() -> Response:
    """200 while this process answers at all."""
    return _json({"status": "ok"}, 200)


@routes.get("/ready")
def ready() -> Response:
    """200 when Redis answers, every model that is due is served, and this process stays."""
    gateway = services().gateway
    if drain.begun:
        return _json({"status": "draining", "models": {}, "keeper": "unknown"}, 503)
    try:
        models = readiness(gateway)
        keeper = "ready" if gateway.roster.keeper() else "missing"
    except redis.RedisError:
        return _json({"status": "queue_unavailable", "models": {}, "keeper": "unknown"}, 503)
    is_ready = all(model.is_fine for model in models.values())
    body = {
        "status": "ok" if is_ready else "loading",
        "models": {name: _entry(model.status) for name, model in models.items()},
        "keeper": keeper,
    }
    return _json(body, 200 if is_ready else 503)


def _entry(status: ModelStatus) -> dict[str, object]:
    entry: dict[str, object] = {"state": status.state, "reason": status.reason or None}
    return entry | ({"progress": status.progress} if status.state == "loading" else {})


def _json(body: object, status: int) -> Response:
    return Response(msgspec.json.encode(body), status=status, mimetype="application/json")
