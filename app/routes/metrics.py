"""``/metrics``: the whole place for Prometheus, and where each process can be asked by itself."""

from __future__ import annotations

from typing import cast

import msgspec
from flask import Blueprint, Response, current_app
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from app.metrics.place import Place

routes = Blueprint("metrics", __name__)


@routes.get("/metrics")
@routes.get("/admin/metrics")
def show_metrics() -> Response:
    """Everything that is counted here, of all processes together."""
    return Response(place().text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


@routes.get("/admin/metrics/targets")
def list_targets() -> Response:
    """The processes that serve their own numbers, for Prometheus' ``http_sd_configs``."""
    return Response(msgspec.json.encode(place().targets()), mimetype="application/json")


def place() -> Place:
    """The place of the application that handles this request."""
    return cast(Place, current_app.extensions["place"])
