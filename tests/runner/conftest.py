"""What the runner's tests share."""

from __future__ import annotations

import socket

import pytest


def free_port() -> int:
    """A port that nobody listens on (nor will, in the moment until it is used)."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


@pytest.fixture
def unused_port() -> int:
    return free_port()
