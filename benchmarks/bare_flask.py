"""Flask and gunicorn by themselves: what no answer of the API can be faster than."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import Server, wait_until
from benchmarks.stack import ROOT, STOP_S
from runner.ports import free_ports


@dataclass(frozen=True, slots=True)
class BareFlask:
    """``plain_app`` under gunicorn, with the API's kind of worker, and one process of it."""

    title: str = "bare Flask under gunicorn"

    @contextmanager
    def running(self) -> Iterator[Server]:
        """The server, ready; stopped at the end."""
        (port,) = free_ports(1)
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen(
                [Path(sys.executable).parent / "gunicorn", *arguments(port)],
                cwd=ROOT,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                if not wait_until(lambda: _listens(port), lambda: process.poll() is not None):
                    log.seek(0)
                    raise RuntimeError(f"gunicorn is not ready:\n{log.read()[-4000:]!r}")
                yield Server(process.pid, "127.0.0.1", port, "/v1", os.environ)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=STOP_S)


def arguments(port: int) -> list[str]:
    """As ``app/gunicorn_conf.py`` has them, where they cost or save time."""
    return [
        *("--worker-class", "gevent", "--workers", "1", "--worker-connections", "10000"),
        *("--keep-alive", "75", "--no-control-socket", "--bind", f"127.0.0.1:{port}"),
        "benchmarks.plain_app:app",
    ]


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 5).close()
    except OSError:
        return False
    return True
