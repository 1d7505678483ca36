"""Are the ports free? Asked before anything starts, so that the answer is one clear message.

And which are: for the stacks that the benchmarks and the fault suite start beside a user's own.
"""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from dataclasses import dataclass

from runner.errors import CannotStart
from runner.redis_server import servers
from runner.settings import PREFIX, RunnerSettings


@dataclass(frozen=True)
class Port:
    """A port that a part needs, and the setting that moves it."""

    part: str
    host: str
    number: int
    remedy: str


def needed_ports(settings: RunnerSettings) -> list[Port]:
    redis = [
        Port(each.name, each.host, each.port, f"{each.variable}=redis://127.0.0.1:<port>/0")
        for each in servers(settings)
    ]
    api = Port("api", settings.api_host, settings.api_port, f"{PREFIX}API_PORT=<port>")
    return [*redis, api]


def check_ports(ports: list[Port]) -> None:
    """Raise ``CannotStart`` that names every port that cannot be had, and why."""
    faults = [fault for port in ports if (fault := why_not(port))]
    numbers = [port.number for port in ports]
    faults += [
        f"{port.part}: port {port.number} is given to two parts; change one: {port.remedy}"
        for port in ports[1:]
        if port.number in numbers[: ports.index(port)]
    ]
    if len(faults) == len(ports) > 1:
        faults.append("All of them: is Millrace running already?")
    if faults:
        raise CannotStart("\n".join(faults))


def why_not(port: Port) -> str | None:
    """Why a server could not listen there, ``None`` when it could."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            port.host, port.number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            # As the servers do it: a port that is only waiting out old connections is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        where = f"port {port.number} on {port.host}"
        if error.errno == errno.EADDRINUSE:
            return f"{port.part}: {where} is taken; stop what listens there, or set {port.remedy}"
        return f"{port.part}: cannot listen at {where} ({error.strerror}); set {port.remedy}"
    return None


def free_ports(number: int) -> list[int]:
    """Ports of the loopback address that nobody listens on now, no two alike."""
    with ExitStack() as probes:
        found = []
        for _ in range(number):
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            found.append(int(probe.getsockname()[1]))
        return found
