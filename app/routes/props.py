"""``/props`` and ``/slots``, for clients of llama-server."""

from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import redis
from flask import Blueprint, Response, request

from app.openai.models import only_chat_model
from app.openai.props import render_props, render_slots
from app.owners import asking_catalog
from app.routes.admin import admin
from app.services import services
from tasks.errors import ModelUnavailable
from tasks.model import Model
from tasks.roster import Report

routes = Blueprint("props", __name__)


@routes.get("/props")
def props() -> Response:
    """What a model is and has; it is the only one that chats unless the query names it."""
    model = _model()
    ready: list[Report] = []
    # What the catalog says is answered without Redis, too.
    with contextlib.suppress(redis.RedisError):
        reports = services().gateway.roster.workers(model.queue).values()
        ready = [each for each in reports if each.state == "ready" and not each.gone]
    return _json(render_props(model, ready))


@routes.get("/slots")
def slots() -> Response:
    """What each of a model's slots does; with ``fail_on_no_slot`` 503 when none is free."""
    model = _model()
    workers = [(told.report, told.slots) for told in admin().slots.of([model])]
    shown = render_slots(model, workers)
    full = all(slot["is_processing"] for slot in shown)
    if full and request.args.get("fail_on_no_slot"):
        raise ModelUnavailable(f"The model {model.name!r} has no free slot.")
    return _json(shown)


def _model() -> Model:
    catalog, name = asking_catalog(), request.args.get("model")
    return only_chat_model(catalog) if name is None else catalog.find(name)


def _json(body: Any) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
