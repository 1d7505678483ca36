"""``/health`` (this process is alive) and ``/ready`` (a request would be served now)."""

from __future__ import annotations

import msgspec
import redis
from flask import Blueprint, Response

from app.drain import drain
from app.readiness import states
from app.services import services

routes = Blueprint("health", __name__)


@routes.get("/health")
def health() -> Response:
    """200 while this process answers at all."""
    return _json({"status": "ok"}, 200)


@routes.get("/ready")
def ready() -> Response:
    """200 when Redis answers, every model has a worker that serves, and this process stays."""
    gateway = services().gateway
    if drain.begun:
        return _json({"status": "draining", "models": {}, "keeper": "unknown"}, 503)
    try:
        models = {
            name: {"state": state, "reason": reason}
            for name, (state, reason) in states(gateway.roster, gateway.catalog).items()
        }
        keeper = "ready" if gateway.roster.keeper() else "missing"
    except redis.RedisError:
        return _json({"status": "queue_unavailable", "models": {}, "keeper": "unknown"}, 503)
    is_ready = all(entry["state"] == "ready" for entry in models.values())
    body = {"status": "ok" if is_ready else "loading", "models": models, "keeper": keeper}
    return _json(body, 200 if is_ready else 503)


def _json(body: object, status: int) -> Response:
    return Response(msgspec.json.encode(body), status=status, mimetype="application/json")
