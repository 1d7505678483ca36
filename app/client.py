"""Whether the client is still there: a handler that waits would never notice."""

from __future__ import annotations

import socket
from typing import Any


class Client:
    """The connection behind one request, peeked at without taking anything from it."""

    def __init__(self, environ: dict[str, Any]) -> None:
        # gunicorn's own socket; under gevent the real one is inside, and asking that one cannot
        # make the greenlet wait. Absent under other servers: then nobody is ever seen to leave.
        connection = environ.get("gunicorn.socket")
        self._socket: Any = getattr(connection, "_sock", connection)

    def gone(self) -> bool:
        """Whether the other side closed its end."""
        if self._socket is None:
            return False
        try:
            return not self._socket.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except (BlockingIOError, InterruptedError):
            return False
        except OSError:
            return True
