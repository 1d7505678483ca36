"""``/v1/models``."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import redis
from flask import Blueprint, Response

from app.openai.models import render_model
from app.owners import asking_catalog
from app.readiness import readiness
from app.services import services
from tasks.model import Model

routes = Blueprint("models", __name__)


@routes.get("/v1/models")
def list_models() -> Response:
    """Every model of the catalog that the request's key may use."""
    models = list(asking_catalog())
    states = _states(models)
    data = [render_model(model, states.get(model.name)) for model in models]
    return _json({"object": "list", "data": data})


@routes.get("/v1/models/<path:name>")
def get_model(name: str) -> Response:
    """One model, by name or alias."""
    model = asking_catalog().find(name)
    return _json(render_model(model, _states([model]).get(model.name)))


def _states(models: Sequence[Model]) -> dict[str, str]:
    try:
        found = readiness(services().gateway, models)
    except redis.RedisError:
        # What there is says the catalog; only what the models are doing is Redis's to say.
        return {}
    return {name: each.status.state for name, each in found.items()}


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
