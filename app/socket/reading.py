"""The client of one answer on a connection that has several."""

from __future__ import annotations

from app.client import Client
from app.socket.connection import Connection


class Reader(Client):
    """Gone with its connection, or as soon as it does not want this answer any more."""

    def __init__(self, connection: Connection) -> None:
        super().__init__({})
        self._connection = connection
        self.cancelled = False

    def gone(self) -> bool:
        """Whether nobody reads this answer."""
        return self.cancelled or not self._connection.open
