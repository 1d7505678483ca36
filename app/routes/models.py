"""``/v1/models``."""

from __future__ import annotations

import msgspec
import redis
from flask import Blueprint, Response

from app.openai.models import render_model
from app.readiness import state_of
from app.services import services
from tasks.catalog import Model

routes = Blueprint("models", __name__)


@routes.get("/v1/models")
def list_models() -> Response:
    """Every model of the catalog."""
    data = [_render(model) for model in services().gateway.catalog]
    return _json({"object": "list", "data": data})


@routes.get("/v1/models/<path:name>")
def get_model(name: str) -> Response:
    """One model, by name or alias."""
    return _json(_render(services().gateway.catalog.find(name)))


def _render(model: Model) -> dict[str, object]:
    try:
        state: str | None = state_of(services().gateway.roster, model)[0]
    except redis.RedisError:
        # The list of models is the catalog's; only what they are doing is Redis's.
        state = None
    return render_model(model, state)


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
