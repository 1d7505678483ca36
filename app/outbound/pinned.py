"""A connection to addresses that were chosen before, which ends by a deadline.

The HTTP library is given this network in place of its own. It asks for the URL's host and gets a
connection to a chosen address, on which it verifies TLS for the host's name. Its own timeouts
start again with every byte, so a server that sends one now and then could hold whoever reads for
ever: here each is cut to what is left of the whole.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any

from httpcore2 import (
    SOCKET_OPTION,
    ConnectError,
    ConnectTimeout,
    NetworkBackend,
    NetworkStream,
    ReadTimeout,
    SyncBackend,
    TimeoutException,
    WriteTimeout,
)

# An address that does not answer must leave time for the next.
CONNECT_S = 5.0


class Deadline:
    """A moment, and how much of the way to it is left."""

    def __init__(self, after_s: float) -> None:
        self._ends = time.monotonic() + after_s

    def left_s(self, at_most_s: float | None, late: type[TimeoutException]) -> float:
        """The seconds that a step may take; raises ``late`` when there are none."""
        left = self._ends - time.monotonic()
        if left <= 0:
            raise late("no answer in time")
        return left if at_most_s is None else min(left, at_most_s)


class PinnedBackend(NetworkBackend):
    """Connects to one of ``addresses``, whatever host is asked for."""

    def __init__(self, addresses: list[str], deadline: Deadline) -> None:
        self._addresses = addresses
        self._deadline = deadline
        self._network = SyncBackend()

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - not looked at: that is the point
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[SOCKET_OPTION] | None = None,
    ) -> NetworkStream:
        """A connection to the first address that takes one."""
        refused: Exception = ConnectError("no address")
        for address in self._addresses:
            try:
                stream = self._network.connect_tcp(
                    address,
                    port,
                    self._deadline.left_s(timeout, ConnectTimeout),
                    local_address,
                    socket_options,
                )
                return TimedStream(stream, self._deadline)
            except (ConnectError, ConnectTimeout) as error:
                refused = error
        raise refused


class TimedStream(NetworkStream):
    """A connection whose every step ends by the deadline."""

    def __init__(self, stream: NetworkStream, deadline: Deadline) -> None:
        self._stream = stream
        self._deadline = deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has arrived."""
        return self._stream.read(max_bytes, self._deadline.left_s(timeout, ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send all of ``buffer``."""
        self._stream.write(buffer, self._deadline.left_s(timeout, WriteTimeout))

    def close(self) -> None:
        """Close it, at once."""
        self._stream.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> NetworkStream:
        """The same connection under TLS."""
        left_s = self._deadline.left_s(timeout, ConnectTimeout)
        return TimedStream(
            self._stream.start_tls(ssl_context, server_hostname, left_s), self._deadline
        )

    def get_extra_info(self, info: str) -> Any:
        """What the connection below knows."""
        return self._stream.get_extra_info(info)
