"""A process's own numbers over HTTP, for a Prometheus that asks each process by itself.

Every process takes the first free port of ``MILLRACE_METRICS_PORTS``; which it took is told with
its measures, and the API lists them all at ``/admin/metrics/targets``.
"""

from __future__ import annotations

import logging
import socket

from prometheus_client import CollectorRegistry, start_http_server

from tasks.settings import QueueSettings

log = logging.getLogger(__name__)

ANY = frozenset({"0.0.0.0", "::"})  # noqa: S104 - to tell them from an address to ask at


def serve(registry: CollectorRegistry, settings: QueueSettings) -> str:
    """Serve ``registry`` on the first free port; where, empty when it is served nowhere."""
    host = settings.metrics_host
    for port in settings.metrics_port_range:
        try:
            start_http_server(port, host, registry)
        except OSError:
            continue  # another process has it
        return f"{socket.gethostname() if host in ANY else host}:{port}"
    if settings.metrics_port_range:
        log.warning("no port of %s is free: metrics are not served", settings.metrics_ports)
    return ""
