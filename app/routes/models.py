"""``/v1/models``."""

from __future__ import annotations

import msgspec
import redis
from flask import Blueprint, Response

from app.openai.models import render_model
from app.readiness import state_of
from app.services import services
from tasks.model import Model

routes = Blueprint("models", __name__)


@routes.get("/v1/models")
def list_models() -> Response:
    """Every model of the catalog."""
    models = list(services().gateway.catalog)
    try:
        states = [_state(model) for model in models]
    except redis.RedisError:
        # The list is the catalog's; only what the models are doing is Redis's. It is asked for
        # once: with Redis frozen each further model would take as long as the first.
        states = [None] * len(models)
    data = [render_model(*each) for each in zip(models, states, strict=True)]
    return _json({"object": "list", "data": data})


@routes.get("/v1/models/<path:name>")
def get_model(name: str) -> Response:
    """One model, by name or alias."""
    model = services().gateway.catalog.find(name)
    try:
        return _json(render_model(model, _state(model)))
    except redis.RedisError:
        return _json(render_model(model, None))


def _state(model: Model) -> str | None:
    return state_of(services().gateway.roster, model)[0]


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
