"""Taken ports are found before anything starts."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from runner.errors import CannotStart
from runner.ports import Port, check_ports, needed_ports, why_not
from runner.settings import RunnerSettings


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_taken_port_is_named_with_its_setting(taken: int) -> None:
    """The message has the part, the port, and the variable that moves it."""
    ports = needed_ports(RunnerSettings(embed_redis=False, api_port=taken))
    with pytest.raises(CannotStart, match=rf"api: port {taken} .* MILLRACE_API_PORT="):
        check_ports(ports)


def test_free_ports_pass(unused_port: int) -> None:
    """Ports that nobody listens on are no reason to stop."""
    port = Port("api", "127.0.0.1", unused_port, "X=1")
    assert why_not(port) is None
    check_ports([port])


def test_one_port_for_two_parts_is_found(unused_port: int) -> None:
    """Two parts with one port would pass one by one; together they are refused."""
    ports = [Port(name, "127.0.0.1", unused_port, f"{name}=1") for name in ("A", "B")]
    with pytest.raises(CannotStart, match="given to two parts"):
        check_ports(ports)


def test_embedded_servers_need_their_ports() -> None:
    """With embedded Redis three ports are needed, without it one."""
    assert [port.part for port in needed_ports(RunnerSettings())] == [
        "redis-queue",
        "redis-cache",
        "api",
    ]
    assert [port.part for port in needed_ports(RunnerSettings(embed_redis=False))] == ["api"]


def test_foreign_address_is_a_message(unused_port: int) -> None:
    """An address that this machine does not have is a message as well."""
    with pytest.raises(CannotStart, match="cannot listen"):
        check_ports([Port("api", "192.0.2.1", unused_port, "MILLRACE_API_HOST=<address>")])
