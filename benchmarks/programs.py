"""Programs that run beside a server: load generators, and contenders that take its place."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType

import msgspec

from benchmarks import again
from benchmarks.figures import Answered, Sample
from benchmarks.intrusion import Intruded, Intrusion
from benchmarks.load import Order
from benchmarks.server import Server
from benchmarks.stack import ROOT

PROGRAM_S = 300


def load(server: Server, path: str, clients: int, bodies: list[str]) -> list[Answered]:
    """What the load generator saw."""
    order = Order(server.host, server.port, server.prefix + path, clients, bodies)
    said = _run("benchmarks.load", server, given=msgspec.json.encode(order))
    return msgspec.json.decode(said, type=list[Answered])


def intrude(server: Server, path: str, bodies: list[str], intruder: str, after: int) -> Intruded:
    """What the streams and the late prompt saw."""
    order = Intrusion(server.host, server.port, server.prefix + path, bodies, intruder, after)
    said = _run("benchmarks.intrusion", server, given=msgspec.json.encode(order))
    return msgspec.json.decode(said, type=Intruded)


def repeat(server: Server, order: again.Order) -> again.Seen:
    """What a client that asks the same again and again saw."""
    said = _run("benchmarks.again", server, given=msgspec.json.encode(order))
    return msgspec.json.decode(said, type=again.Seen)


def program(
    name: str, *arguments: object, extra: Mapping[str, str] = MappingProxyType({})
) -> Callable[[Server], Sample]:
    """A contender that is a program of its own; ``extra`` is environment."""

    def run(server: Server) -> Sample:
        module = f"benchmarks.contenders.{name}"
        said = _run(module, server, *map(str, arguments), extra=extra)
        return msgspec.json.decode(said, type=dict[str, float])

    return run


def _run(
    module: str,
    server: Server,
    *arguments: str,
    given: bytes | None = None,
    extra: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        input=given,
        capture_output=True,
        env={**server.environment, **extra},
        cwd=ROOT,
        timeout=PROGRAM_S,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{module} failed:\n{done.stderr.decode()[-4000:]}")
    return done.stdout
