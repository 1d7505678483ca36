"""``/live``: what models, queues, nodes and slots do, once a second over a WebSocket."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flask import Blueprint, current_app, request
from flask.blueprints import BlueprintSetupState
from flask_sock import Sock
from simple_websocket import Server

from app.admin.place import Admin
from app.keys.doors import Refusals, keys
from app.keys.errors import WrongKey
from app.keys.who import ADMIN
from app.live.place import Live
from app.live.socket import serve
from app.live.visitor import Visitor
from app.origins import origins_of
from app.services import Services, services
from app.socket.handshake import check_origin
from tasks.measures import Measures, by_label

TOKENS = "millrace_generation_tokens_total"

routes = Blueprint("live", __name__)


@routes.record
def _open(state: BlueprintSetupState) -> None:
    shared: Services = state.app.extensions["services"]
    admin: Admin = state.app.extensions["admin"]
    measures = Measures(shared.gateway.redis, shared.settings)

    def tokens_by_model() -> Mapping[str, float]:
        return by_label(measures.totals().get(TOKENS, {}), "model")

    state.app.extensions["live"] = Live(
        admin, tokens_by_model, most_sockets=shared.settings.live_sockets
    )


@routes.before_request
def _check_page() -> None:
    # A page of another site would be shown everything where no keys are asked for.
    check_origin(request.headers, origins_of(services().settings.cors_origins))


def watch(server: Server) -> None:
    """Tell what there is to see until the watcher leaves."""
    live = cast(Live, current_app.extensions["live"])
    admin_exists = services().settings.admin_key is not None
    serve(server, live, _admit, admin_exists=admin_exists)


Sock().route("/live", bp=routes)(watch)


def _admit(authorization: str) -> Visitor:
    try:
        key = keys().who(authorization)
    except WrongKey:
        cast(Refusals, current_app.extensions["key_refusals"]).note()
        raise
    if key is None:
        # The key comes after the handshake: only now is it known that there is none.
        keys().check_page(request.headers.get("Origin"), request.host)
    # By its digest it is that of the environment: nobody else's key has this record.
    return Visitor(admin=True) if key is ADMIN else Visitor(key)
