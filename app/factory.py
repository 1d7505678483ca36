"""Puts the application together: settings, gateway, routes, error table."""

from __future__ import annotations

from flask import Flask, Response, g

from app import errors
from app.admin.place import Admin
from app.routes import (
    admin,
    batches,
    chat,
    completions,
    embeddings,
    files,
    health,
    jobs,
    models,
    props,
    tokens,
)
from app.services import Services
from app.settings import ApiSettings
from tasks.gateway import Gateway, live_gateway
from tasks.jobs import new_id
from tasks.logs import configure_logs

FAMILIES = (
    chat,
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
)


def build(settings: ApiSettings | None, gateway: Gateway | None) -> Flask:
    """The application over ``gateway``, or over the queue that ``settings`` names."""
    settings = settings or ApiSettings()
    configure_logs(settings)
    gateway = gateway or live_gateway(settings)
    app = Flask("app")
    app.config["MAX_CONTENT_LENGTH"] = settings.body_limit_bytes
    app.extensions["services"] = Services(settings, gateway)
    app.extensions["admin"] = Admin(settings, gateway)
    app.before_request(_name_the_job)
    app.after_request(_add_request_id)
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
