"""The web side's spans: a request, and in it the way of its job into the queue.

The job bears the latter's name (``traceparent``), so that what its worker does becomes a part of
the same trace.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import msgspec
from flask import Flask, Response, current_app, g, request

from app.wishes import Order
from tasks.tracing import Attributes, Span, Tracer, tracer_of

# Asked every few seconds by machines: their spans would bury all others.
UNTRACED = frozenset({"/health", "/ready", "/metrics", "/live", "/v1/chat/ws"})
NO_ROUTE = "none"


def install(app: Flask) -> None:
    """Trace the requests of ``app``, where traces are collected."""
    tracer = tracer_of("millrace-api")
    app.extensions["tracer"] = tracer
    if tracer is not None:
        app.before_request(_begin)
        app.after_request(_answered)


@contextmanager
def enqueueing(order: Order) -> Iterator[Order]:
    """``order`` with the name of a span around what becomes of it here; without traces, itself."""
    tracer = _tracer()
    if tracer is None:
        yield order
        return
    around: Span | None = g.get("span")
    span = tracer.start(
        f"enqueue {order.job.model}",
        "PRODUCER",
        parent=around.traceparent if around else "",
        attributes=_of_job(order),
    )
    try:
        job = msgspec.structs.replace(order.job, traceparent=span.traceparent)
        yield replace(order, job=job)
    except Exception as error:
        span.fail(str(getattr(error, "code", None) or type(error).__name__))
        raise
    finally:
        span.end()


@contextmanager
def answering_message(kind: str) -> Iterator[None]:
    """A span around one answer on a WebSocket, whose own request lasts for as long as it does."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    g.span = tracer.start(
        f"WS {request.path} {kind}",
        "SERVER",
        parent=request.headers.get("traceparent", ""),
        attributes={"http.route": request.path},
    )
    try:
        yield
    finally:
        g.span.end()


def _tracer() -> Tracer | None:
    tracer: Tracer | None = current_app.extensions.get("tracer")
    return tracer


def _begin() -> None:
    route = request.url_rule.rule if request.url_rule else NO_ROUTE
    tracer = _tracer()
    if tracer is None or route in UNTRACED:
        return
    g.span = tracer.start(
        f"{request.method} {route}",
        "SERVER",
        parent=request.headers.get("traceparent", ""),
        attributes={"http.request.method": request.method, "http.route": route},
    )


def _answered(response: Response) -> Response:
    span: Span | None = g.get("span")
    if span is not None:
        span.set({"http.response.status_code": response.status_code})
        if response.status_code >= 500:
            span.fail(str(response.status_code))
        # A stream goes on when its head has been sent.
        response.call_on_close(span.end)
    return response


def _of_job(order: Order) -> Attributes:
    return {
        "gen_ai.request.model": order.job.model,
        "millrace.job.id": order.job.id,
        "millrace.job.priority": order.job.priority.name.lower(),
        "millrace.stream": order.stream,
    }
