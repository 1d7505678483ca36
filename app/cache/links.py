"""Connections to the cache's Redis, without what redis-py does around each command.

A hit is to cost less than the web framework around it. Measured under gevent, one GET takes 50 us
of CPU through redis-py's client (it looks with ``select`` whether a pooled connection has something
to say before it uses it, and counts its tries), and 9 us over a connection of it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 0.25
# Kept open between two commands; a burst that needs more opens them, and closes them again.
MOST_IDLE = 64

Command = tuple[str | bytes | int, ...]


class Links:
    """Each connection is one caller's at a time. Thread-safe; under gevent for greenlets."""

    def __init__(self, url: str) -> None:
        """Connects to nobody yet."""
        self._factory: Any = redis.ConnectionPool.from_url(
            url,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
            health_check_interval=0,
            protocol=2,
        )
        self._idle: deque[Any] = deque()

    def ask(self, commands: Sequence[Command]) -> list[Any]:
        """The answer to each command; an error of Redis's own stands in its place.

        Raises redis-py's ``ConnectionError`` and ``TimeoutError`` when it is not there.
        """
        try:
            link = self._idle.pop()
        except IndexError:
            return self._exchange(self._factory.make_connection(), commands)
        try:
            return self._exchange(link, commands)
        except redis.ConnectionError:
            # It was closed between two commands, as all others that are idle: Redis was restarted.
            # A new one tells whether it is back.
            self.close()
            return self._exchange(self._factory.make_connection(), commands)

    def close(self) -> None:
        """Close what is idle."""
        while self._idle:
            try:
                self._idle.pop().disconnect()
            except IndexError:
                return

    def _exchange(self, link: Any, commands: Sequence[Command]) -> list[Any]:
        try:
            link.send_packed_command(link.pack_commands(commands), check_health=False)
            answers = [_answer(link) for _ in commands]
        except BaseException:
            # Whatever comes on it later would be taken for the answer to something else.
            link.disconnect()
            raise
        if len(self._idle) < MOST_IDLE:
            self._idle.append(link)
        else:
            link.disconnect()
        return answers


def _answer(link: Any) -> Any:
    try:
        return link.read_response()
    except redis.ResponseError as error:
        return error
