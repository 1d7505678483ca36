"""gunicorn's gevent worker, which tells the application that it is being stopped."""

from __future__ import annotations

import socket
from typing import Any

from gunicorn.workers.ggevent import GeventWorker

from app.drain import drain

# A client that takes nothing for so long is gone, however alive its machine says it is. While a
# write to it waits, nobody asks whether it left: its job ran to the end, in a slot of its own (seen
# with readers that closed while megabytes were on their way).
STALLED_MS = 60_000


class ApiWorker(GeventWorker):
    """One process of the API."""

    def handle(self, listener: Any, client: Any, addr: Any) -> None:
        """A connection came: the kernel ends it when its client stalls."""
        if client.family != socket.AF_UNIX:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, STALLED_MS)
        super().handle(listener, client, addr)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: what is open may finish, for as long as gunicorn lets it."""
        drain.begin(float(self.cfg.graceful_timeout))
        super().handle_exit(sig, frame)
