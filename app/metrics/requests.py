"""Counting what comes by HTTP: every request, by its route, from its first byte to its last."""

from __future__ import annotations

import time
from typing import cast

import msgspec
from flask import Flask, Response, current_app, g, request

from app.metrics.counted import OTHER, ApiMetrics

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
# What no route answers is counted together: a label must not be what a client wrote.
NO_ROUTE = "none"
# An error object is smaller.
ERROR_BYTES = 16_384


class _Error(msgspec.Struct):
    code: str | None = None


class _Body(msgspec.Struct):
    error: _Error


def install(app: Flask, metrics: ApiMetrics) -> None:
    """Count every request of ``app``; before anything else of it may refuse one."""
    app.extensions["metrics"] = metrics
    app.before_request(_begin)
    app.after_request(_answered)


def metrics() -> ApiMetrics:
    """The metrics of the application that handles this request."""
    return cast(ApiMetrics, current_app.extensions["metrics"])


def began_s() -> float:
    """When the request at hand came, on the clock of ``time.monotonic``."""
    return cast(float, g.get("began_s") or time.monotonic())


def _begin() -> None:
    g.began_s = time.monotonic()
    metrics().open.inc()


def _answered(response: Response) -> Response:
    counted, since_s = metrics(), began_s()
    rule = request.url_rule
    route = NO_ROUTE if rule is None else rule.rule
    method = request.method if request.method in METHODS else OTHER
    counted.requests.labels(route, method, str(response.status_code)).inc()
    if response.status_code >= 400:
        _count_error(counted, response)

    def over() -> None:
        counted.open.dec()
        counted.request_s.labels(route).observe(time.monotonic() - since_s)

    if request.headers.get("Upgrade"):
        # A socket has ended by now, and its answer is closed by nobody.
        counted.open.dec()
    else:
        response.call_on_close(over)
    return response


def _count_error(counted: ApiMetrics, response: Response) -> None:
    if response.is_streamed or response.mimetype != "application/json":
        return
    body = response.get_data()
    if len(body) <= ERROR_BYTES:
        try:
            counted.error(msgspec.json.decode(body, type=_Body).error.code or OTHER)
        except msgspec.MsgspecError:
            return  # a state that has a status, such as that of /ready
