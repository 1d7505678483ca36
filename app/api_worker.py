"""gunicorn's gevent worker, which waits for no client for ever, and ends in order.

A request must come in a certain time. At the end, connections between two requests close at once.

A client that keeps its connection open would send its next request to a process that is about to
end, and have it cut. Closed in between, it opens another, to whoever listens by then.
"""

from __future__ import annotations

import contextlib
import socket
from typing import Any

from gunicorn.workers.ggevent import GeventWorker

from app.drain import drain
from app.patience import PatientSocket
from app.settings import ApiSettings

# A client that takes nothing for so long is gone, however alive its machine says it is. While a
# write to it waits, nobody asks whether it left: its job ran to the end, in a slot of its own (seen
# with readers that closed while megabytes were on their way).
STALLED_MS = 60_000


class ApiWorker(GeventWorker):
    """One process of the API."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Connections that wait for their next request.
        self._idle: set[Any] = set()
        self._settings = ApiSettings()

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """A connection came; the kernel ends it when its client stalls."""
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        limits = self._settings
        patient = PatientSocket(client, limits.request_head_s, limits.request_body_s)
        try:
            super().handle(listener, patient, addr)
        finally:
            self._idle.discard(patient)

    def handle_request(self, listener_name: Any, req: Any, sock: Any, addr: Any) -> None:
        """A request came on a connection; until it is answered, the connection is not idle."""
        self._idle.discard(sock)
        sock.begin_body()
        super().handle_request(listener_name, req, sock, addr)
        sock.begin_rest()
        if not self.alive:
            # Its headers may have promised to keep it, before the process was told to stop.
            raise StopIteration
        self._idle.add(sock)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: what is open may finish, for as long as gunicorn lets it."""
        drain.begin(float(self.cfg.graceful_timeout))
        super().handle_exit(sig, frame)
        for connection in list(self._idle):
            with contextlib.suppress(OSError):
                if not _has_something(connection):
                    connection.shutdown(socket.SHUT_RDWR)


def _has_something(connection: Any) -> bool:
    """Whether a request, or the client's end, has arrived that nobody has read yet.

    Shut down under it, that request would be served to a client that is taken for gone.
    """
    # Of gevent's socket the real one: asking that one cannot make a greenlet wait.
    real = getattr(connection, "_sock", connection)
    try:
        real.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except BlockingIOError:
        return False
    return True
