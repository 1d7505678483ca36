"""Spans of OpenTelemetry, for whoever collects them; nothing at all, and no cost, for all others.

``OTEL_EXPORTER_OTLP_ENDPOINT`` switches them on, and OpenTelemetry's other variables hold (which
traces are sampled, headers, the service's name). The package is an extra, imported when it is
needed. No span bears anything that a client wrote: models, ids, counts and times only.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import threading
from collections.abc import Mapping
from typing import Any, Literal

log = logging.getLogger(__name__)

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")

# Less than any part of a stack may take to end.
LAST_WORDS_S = 0.5

Attributes = Mapping[str, str | int | float | bool]
Kind = Literal["INTERNAL", "SERVER", "PRODUCER", "CONSUMER"]


class Span:
    """One span, from its start to ``end``. Thread-safe, as OpenTelemetry's own."""

    def __init__(self, span: Any) -> None:
        self._span = span

    @property
    def traceparent(self) -> str:
        """The span as W3C's Trace Context writes it, for what belongs to it elsewhere."""
        context = self._span.get_span_context()
        return f"00-{context.trace_id:032x}-{context.span_id:016x}-{int(context.trace_flags):02x}"

    def set(self, attributes: Attributes) -> None:
        """Add what is known only now."""
        self._span.set_attributes(attributes)

    def fail(self, code: str) -> None:
        """It went wrong; ``code`` is an error's code, never its message."""
        from opentelemetry.trace import Status, StatusCode

        self._span.set_attribute("error.type", code)
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self, at_s: float | None = None) -> None:
        """It ended now, or at ``at_s`` in seconds since the epoch."""
        self._span.end(None if at_s is None else _ns(at_s))


class Tracer:
    """Where spans come from; one per process."""

    def __init__(self, tracer: Any, provider: Any, exporter: Any) -> None:
        self._tracer = tracer
        self._provider = provider
        self._exporter = exporter
        self._closed = False

    def start(
        self,
        name: str,
        kind: Kind = "INTERNAL",
        *,
        parent: str = "",
        attributes: Attributes | None = None,
        at_s: float | None = None,
    ) -> Span:
        """A span that begins now, or at ``at_s``; without a valid ``parent`` a trace of its own."""
        from opentelemetry import trace

        return Span(
            self._tracer.start_span(
                name,
                context=_parent(parent),
                kind=trace.SpanKind[kind],
                attributes=attributes,
                start_time=None if at_s is None else _ns(at_s),
            )
        )

    def close(self) -> None:
        """Send what is left, within a moment."""
        if self._closed:
            return
        self._closed = True
        # To a collector that is away it would be tried again and again, and nobody stops for that:
        # workers were killed for it (seen when a collector ended first).
        sending = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        with contextlib.suppress(RuntimeError):  # too late for threads, from Python 3.12 on
            sending.start()
            sending.join(LAST_WORDS_S)
            if not sending.is_alive():
                return
        self._exporter.shutdown()


def tracer_of(service: str) -> Tracer | None:
    """The process's tracer under the name ``service``; None when nobody asked for traces."""
    if not any(os.environ.get(name) for name in ENDPOINTS) or _disabled():
        return None
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import SERVICE_NAME, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        log.warning("no traces: install the extra 'tracing' (pip install 'millrace[tracing]')")
        return None
    named = {} if os.environ.get("OTEL_SERVICE_NAME") else {SERVICE_NAME: service}
    exporter = OTLPSpanExporter()
    provider = TracerProvider(resource=Resource.create(named), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    tracer = Tracer(provider.get_tracer("millrace"), provider, exporter)
    atexit.register(tracer.close)
    return tracer


def _disabled() -> bool:
    exporter = os.environ.get("OTEL_TRACES_EXPORTER", "otlp")
    return os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true" or exporter == "none"


def _parent(traceparent: str) -> Any:
    from opentelemetry import trace
    from opentelemetry.context import Context

    context = _context_of(traceparent)
    # An empty context, or whatever is current in this thread would be the parent.
    empty = Context()
    return trace.set_span_in_context(trace.NonRecordingSpan(context), empty) if context else empty


def _context_of(traceparent: str) -> Any:
    from opentelemetry import trace
    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

    if not traceparent:
        return None
    found = TraceContextTextMapPropagator().extract({"traceparent": traceparent})
    context = trace.get_current_span(found).get_span_context()
    return context if context.is_valid else None


def _ns(at_s: float) -> int:
    return int(at_s * 1_000_000_000)
