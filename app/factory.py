"""Puts the application together: settings, gateway, routes, error table."""

from __future__ import annotations

from flask import Flask, Response, g

from app import cors, errors, tracing
from app.admin.place import Admin
from app.keys.doors import Refusals, check_key
from app.keys.who import Keys
from app.limits import headers as limit_headers
from app.metrics import requests as http_metrics
from app.metrics.counted import ApiMetrics
from app.metrics.place import Place
from app.routes import (
    admin,
    admin_keys,
    batches,
    chat,
    chat_socket,
    completions,
    embeddings,
    files,
    health,
    jobs,
    live,
    metrics,
    models,
    openapi,
    page,
    props,
    responses,
    tokens,
)
from app.services import Services
from app.settings import ApiSettings
from app.socket import connection
from app.socket.handshake import SUBPROTOCOL
from tasks.gateway import Gateway, live_gateway
from tasks.jobs import new_id
from tasks.logs import configure_logs

FAMILIES = (
    chat,
    chat_socket,
    responses,
    completions,
    embeddings,
    files,
    batches,
    jobs,
    tokens,
    models,
    health,
    props,
    admin,
    admin_keys,
    metrics,
    page,
    live,
    openapi,
)


def build(settings: ApiSettings | None, gateway: Gateway | None) -> Flask:
    """The application over ``gateway``, or over the queue that ``settings`` names."""
    settings = settings or ApiSettings()
    configure_logs(settings)
    gateway = gateway or live_gateway(settings)
    app = Flask("app")
    app.config["MAX_CONTENT_LENGTH"] = settings.body_limit_bytes
    app.config["SOCK_SERVER_OPTIONS"] = connection.options(
        ping_s=settings.socket_ping_s,
        most_bytes=settings.body_limit_bytes,
        subprotocol=SUBPROTOCOL,
    )
    app.extensions["services"] = Services(settings, gateway)
    app.extensions["admin"] = Admin(settings, gateway)
    app.extensions["keys"] = Keys(settings, gateway.redis)
    app.extensions["key_refusals"] = Refusals("api key refused")
    app.extensions["admin_refusals"] = Refusals("admin key refused")
    counted = ApiMetrics()
    app.extensions["place"] = Place(settings, gateway, counted)
    http_metrics.install(app, counted)
    app.before_request(_name_the_job)
    tracing.install(app)
    cors.install(app, settings.cors_origins)
    app.before_request(check_key)
    app.after_request(_add_request_id)
    limit_headers.install(app)
    for family in FAMILIES:
        app.register_blueprint(family.routes)
    errors.register(app)
    return app


def _name_the_job() -> None:
    # One id for the request, its job, its answer and the logs of all processes.
    g.job_id = new_id()


def _add_request_id(response: Response) -> Response:
    response.headers.setdefault("x-request-id", g.get("job_id") or new_id())
    return response
