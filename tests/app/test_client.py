"""Whether the client is still there."""

from __future__ import annotations

import socket

from app.client import Client


def test_an_open_connection_is_there_and_a_closed_one_is_gone() -> None:
    """Asking takes nothing from the connection and does not wait."""
    here, there = socket.socketpair()
    client = Client({"gunicorn.socket": here})
    assert not client.gone()
    there.sendall(b"next request")
    assert not client.gone()
    assert here.recv(4) == b"next"
    here.recv(100)
    there.close()
    assert client.gone()
    here.close()
    assert client.gone()


def test_without_a_socket_nobody_is_ever_gone() -> None:
    """Other servers than gunicorn do not lend theirs."""
    assert not Client({}).gone()
