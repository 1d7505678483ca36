"""``/admin``: models, nodes, queues, slots and the cache, with a key of their own."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, cast
from urllib.parse import quote

import msgspec
import structlog
from flask import Blueprint, Response, current_app, request

from app import respond
from app.admin.cache_query import parse_clear
from app.admin.cache_view import render_cache, render_cleared
from app.admin.fleet_views import render_node, render_queue
from app.admin.model_view import render_model
from app.admin.orders import parse_load, parse_unload
from app.admin.place import Admin
from app.admin.slots import render_worker_slots
from app.admin.survey import Standing
from app.body import read_body
from app.client import Client
from app.following import ClientLeft
from app.services import services

routes = Blueprint("admin", __name__)
log = structlog.get_logger(__name__)

# A definition is small, and its sender is known.
BODY_LIMIT_BYTES = 64 * 1024


def admin() -> Admin:
    """The admin parts of the application that handles this request."""
    return cast(Admin, current_app.extensions["admin"])


@routes.before_request
def _limit_body() -> None:
    limit = request.max_content_length
    request.max_content_length = min(limit or BODY_LIMIT_BYTES, BODY_LIMIT_BYTES)


@routes.get("/admin/models")
def list_models() -> Response:
    """Every model: where it is, what it does, what waits for it."""
    return _list([_shown(standing) for standing in admin().survey.models()])


@routes.get("/admin/models/<path:name>")
def get_model(name: str) -> Response:
    """One model, by name or alias."""
    survey = admin().survey
    return _json(_shown(survey.model(survey.catalog().find(name))))


@routes.post("/admin/models/load")
def load_model() -> Response:
    """Load a model of the catalog, or one that is defined here."""
    order = parse_load(read_body())
    standing = admin().changes.load(order)
    _note("admin load", standing, defined=not isinstance(order.model, str), force=False)
    if order.wait_s:
        client = Client(request.environ)
        standing = admin().changes.await_loaded(standing, client, order.wait_s)
    return _state(standing, is_so=standing.serves)


@routes.post("/admin/models/unload")
def unload_model() -> Response:
    """Unload a model, and forget it where that is asked for."""
    order = parse_unload(read_body())
    force, wait_s, client = bool(order.force), order.wait_s or 0.0, Client(request.environ)
    changes, forgetting = admin().changes, None
    model = admin().survey.catalog().find(order.model)
    if order.forget:
        forgetting = admin().forgetting(model, force=force)
        forgetting.check()
    standing = changes.unload(model, force=force)
    _note("admin unload", standing, forget=bool(order.forget), force=force)
    if forgetting is None:
        standing = changes.await_unloaded(standing, client, wait_s)
        return _state(standing, is_so=standing.unloaded)
    forgetting.start()
    standing = forgetting.wait(client, wait_s)
    is_so = forgetting.outcome == "forgotten"
    return _state(standing, is_so=is_so, forgotten=is_so)


@routes.get("/admin/nodes")
def list_nodes() -> Response:
    """Every node that reports, or did not long ago."""
    fleet = admin().gateway.fleet
    alive, assignments = fleet.nodes(), fleet.all_assignments()
    nodes = sorted((fleet.all_nodes() | alive).items())
    return _list(
        [
            render_node(node, alive=name in alive, assignments=assignments.get(name, {}))
            for name, node in nodes
        ]
    )


@routes.get("/admin/queues")
def list_queues() -> Response:
    """The catalog's queues, and those that ever took a job."""
    gateway = admin().gateway
    models = {model.queue: model.name for model in admin().survey.catalog()}
    depths = {found.queue: found for found in gateway.records.queues()}
    depths |= {name: gateway.records.queue(name) for name in models if name not in depths}
    return _list(
        [
            render_queue(found, models.get(name), gateway.roster.workers(name).values())
            for name, found in sorted(depths.items())
        ]
    )


@routes.get("/admin/slots")
def list_slots() -> Response:
    """What each ready worker's slots do; ``model`` asks those of one model alone."""
    catalog = admin().survey.catalog()
    name = request.args.get("model")
    models = list(catalog) if name is None else [catalog.find(name)]
    return _list([render_worker_slots(told) for told in admin().slots.of(models)])


@routes.get("/admin/cache")
def get_cache() -> Response:
    """What the cache of answers did and holds, and whether its server answers."""
    cache = admin().cache
    settings = services().settings
    return _json(render_cache(settings, cache.tallies(), cache.sizes()))


@routes.delete("/admin/cache")
def clear_cache() -> Response:
    """Forget answers and vectors: of a model, of an owner, older than an age, or all."""
    query = request.args.to_dict(flat=False)
    swept = parse_clear(query, admin().survey.catalog())
    deleted = admin().cache.clear(swept)
    log.info("admin cache cleared", remote=request.remote_addr, deleted=deleted, **asdict(swept))
    return _json(render_cleared(swept, deleted))


@routes.errorhandler(ClientLeft)
def _client_left(_error: ClientLeft) -> Response:
    return Response(status=respond.CLIENT_CLOSED_REQUEST)


def _note(what: str, standing: Standing, **facts: bool) -> None:
    log.info(what, model=standing.model.name, remote=request.remote_addr, **facts)


def _state(standing: Standing, *, is_so: bool, **more: bool) -> Response:
    """The model as it stands: 200 when it is as it was asked to be, else 202 and where to look."""
    response = _json(_shown(standing) | more)
    if not is_so:
        response.status_code = 202
        response.headers["Location"] = f"/admin/models/{quote(standing.model.name, safe='/:')}"
    return response


def _shown(standing: Standing) -> dict[str, Any]:
    return render_model(standing, admin().gateway.records.queue(standing.model.queue))


def _list(rows: list[dict[str, Any]]) -> Response:
    return _json({"object": "list", "data": rows})


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), mimetype="application/json")
