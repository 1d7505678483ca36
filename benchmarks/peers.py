"""Other servers of the same models, measured on the same machine in the same rounds.

``--peer NAME=WHERE`` names one. A program is started with the slots, the context, the threads
and the file of our own model; a URL is used as it is, and is what ``/chat/completions`` or
``/embeddings`` is appended to.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

import psutil

from benchmarks.prompts import CHAT_MODEL
from benchmarks.server import Place, Server, wait_until
from benchmarks.stack import PLAIN
from runner.ports import free_ports
from tasks.catalog import load_catalog
from tasks.settings import QueueSettings
from worker.runtimes.sources import resolve

LLAMA_SERVER = "llama-server"
INFINITY = "infinity"
VARIABLE = "MILLRACE_BENCH_LLAMA_SERVER"
STOP_S = 30

HOW_TO_GET = {
    LLAMA_SERVER: (
        f"No {LLAMA_SERVER}: its rows are left out. The target `{LLAMA_SERVER}` of llama.cpp's "
        "own CMake files builds one, from the source that llama-cpp-python contains; then give "
        f"--peer {LLAMA_SERVER}=PATH, or set {VARIABLE}."
    ),
    INFINITY: (
        f"No {INFINITY}: its row is left out. Start one on this machine, with the same model, "
        f"and give --peer {INFINITY}=URL."
    ),
}


@dataclass(frozen=True, slots=True)
class LlamaServer:
    """A llama-server of our own, for the chat model of the plain stack."""

    program: str
    extra: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The program and what else differs."""
        return " ".join([self.program, *self.extra])

    @contextmanager
    def running(self) -> Iterator[Server]:
        """The server on a free port, its model loaded; stopped at the end."""
        (port,) = free_ports(1)
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                [self.program, *self.arguments(), "--port", str(port)],
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                if not wait_until(
                    lambda: _status("127.0.0.1", port, "/health") == 200,
                    lambda: process.poll() is not None,
                ):
                    log.seek(0)
                    raise RuntimeError(f"{self.program} is not ready:\n{log.read()[-4000:]!r}")
                yield Server(process.pid, "127.0.0.1", port, "/v1", os.environ)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=STOP_S)

    def arguments(self) -> list[str]:
        """What our own model has, in llama-server's words; the rest is its default."""
        model = load_catalog(QueueSettings(models_file=PLAIN.models_file)).find(CHAT_MODEL)
        threads = str(model.threads or len(os.sched_getaffinity(0)))
        return [
            *("-m", str(resolve(model.source)), "-t", threads, "-tb", threads),
            *("-np", str(model.slots), "-c", str(model.slots * model.context)),
            *("--host", "127.0.0.1", *self.extra),
        ]


@dataclass(frozen=True, slots=True)
class Running:
    """A server that somebody else started on this machine."""

    url: str

    @property
    def title(self) -> str:
        """Where it is."""
        return self.url

    @contextmanager
    def running(self) -> Iterator[Server]:
        """The server as it is found; raises ``ValueError`` when it is not on this machine."""
        parts = urlsplit(self.url)
        host, port = parts.hostname or "127.0.0.1", parts.port or 80
        yield Server(
            pid=listener(port),
            host=host,
            port=port,
            prefix=parts.path.rstrip("/"),
            environment=os.environ,
            served=_served(parts),
        )


def listener(port: int) -> int:
    """The process of this machine that listens on ``port``: its processor time is the peer's."""
    for connection in psutil.net_connections("tcp"):
        listens = connection.status == psutil.CONN_LISTEN
        if listens and connection.laddr and connection.laddr.port == port and connection.pid:
            return int(connection.pid)
    raise ValueError(f"no process of this machine listens on port {port}: a peer has to")


def parsed(named: Sequence[str], environment: Mapping[str, str]) -> dict[str, Place]:
    """The peers by name, from ``NAME=WHERE`` and the environment.

    Raises ``ValueError`` for what is no such peer.
    """
    where: dict[str, str] = {}
    if program := environment.get(VARIABLE):
        where[LLAMA_SERVER] = program
    for each in named:
        name, told, place = each.partition("=")
        if not told or name not in HOW_TO_GET:
            raise ValueError(f"{each!r} is not NAME=WHERE with one of {', '.join(HOW_TO_GET)}")
        where[name] = place
    return {name: _place(name, place) for name, place in where.items()}


def _place(name: str, where: str) -> Place:
    if where.startswith(("http://", "https://")):
        return Running(where)
    if name != LLAMA_SERVER:
        raise ValueError(f"{name} is not started from here: give the URL of one that runs")
    if not os.access(where, os.X_OK) or not Path(where).is_file():
        raise ValueError(f"{where} is no program that can be started")
    return LlamaServer(str(Path(where).resolve()))


def _served(parts: SplitResult) -> str | None:
    """The first model of its list; None when it has no list."""
    body = _get(parts.hostname or "", parts.port or 80, f"{parts.path.rstrip('/')}/models")
    try:
        return str(json.loads(body)["data"][0]["id"])
    except (ValueError, LookupError, TypeError):
        return None


def _status(host: str, port: int, path: str) -> int:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status
    except (OSError, http.client.HTTPException):
        return 0
    finally:
        connection.close()


def _get(host: str, port: int, path: str) -> bytes:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read()
    finally:
        connection.close()
