"""``/admin/keys``: API keys, made, listed and revoked by whoever has the admin key."""

from __future__ import annotations

import time

import msgspec
import structlog
from flask import Blueprint, Response, request

from app.admin.key_orders import parse_key, render_created, render_key
from app.admin.refusals import Refused
from app.body import read_body
from app.services import services
from tasks.api_keys import ApiKey, Register

routes = Blueprint("admin_keys", __name__)
log = structlog.get_logger(__name__)

BODY_LIMIT_BYTES = 64 * 1024


class UnknownKey(Refused):
    """Raised when there is no key of that id: never made, or revoked already."""

    status = 404

    def __init__(self, key_id: str) -> None:
        super().__init__(
            f"There is no API key {key_id[:100]!r}: it never was, or has been revoked."
            " GET /admin/keys lists all of them.",
            code="key_not_found",
        )


@routes.before_request
def _limit_body() -> None:
    limit = request.max_content_length
    request.max_content_length = min(limit or BODY_LIMIT_BYTES, BODY_LIMIT_BYTES)


@routes.post("/admin/keys")
def create_key() -> Response:
    """Make a key. It is in this answer and never again in another."""
    order = parse_key(read_body(), services().gateway.refreshed_catalog())
    created = _register().create(order.draft, expires_after_s=order.expires_after_s)
    _note("api key created", created.key)
    response = _json(render_created(created), 201)
    response.headers["Cache-Control"] = "no-store"
    return response


@routes.get("/admin/keys")
def list_keys() -> Response:
    """Every key that is not revoked, the oldest first."""
    now_s = time.time()
    rows = [render_key(key, now_s) for key in _register().all()]
    return _json({"object": "list", "data": rows})


@routes.get("/admin/keys/<key_id>")
def get_key(key_id: str) -> Response:
    """One key: what it is worth."""
    key = next((each for each in _register().all() if each.id == key_id), None)
    if key is None:
        raise UnknownKey(key_id)
    return _json(render_key(key, time.time()))


@routes.delete("/admin/keys/<key_id>")
def revoke_key(key_id: str) -> Response:
    """Take a key back: within a second no API process takes it. What it has begun goes on."""
    key = _register().revoke(key_id)
    if key is None:
        raise UnknownKey(key_id)
    _note("api key revoked", key)
    return _json({"object": "api_key.deleted", "id": key.id, "deleted": True})


def _register() -> Register:
    gateway = services().gateway
    return Register(gateway.redis, gateway.settings)


def _note(what: str, key: ApiKey) -> None:
    log.info(what, key=key.id, owner=key.owner, remote=request.remote_addr)


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status=status, mimetype="application/json")
