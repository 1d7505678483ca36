"""Celery's Redis transport with one guard, shared by everything that speaks to the queue."""

from __future__ import annotations

from typing import Any

from kombu.transport import redis as kombu_redis
from redis.exceptions import ConnectionError as RedisConnectionError


class Channel(kombu_redis.Channel):
    """A channel that survives its connection being closed under it."""

    def _connparams(self, asynchronous: bool = False) -> Any:
        # When Redis goes away while a worker holds a ticket, restoring it runs on a connection
        # that is already torn down: kombu 5.7.0 then raises AttributeError ('NoneType' has no
        # 'hostname') and the worker exits. As a connection error it reconnects instead.
        if getattr(self.connection, "client", None) is None:
            raise RedisConnectionError("the broker connection is closed")
        return super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]  # untyped there


class Transport(kombu_redis.Transport):
    """``redis://`` with the guarded channel."""

    Channel = Channel
