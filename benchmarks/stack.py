"""The real stack, started as a user starts it, on free ports and with a data folder of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.server import Server, wait_until
from runner.ports import free_ports

ROOT = Path(__file__).resolve().parents[1]
STOP_S = 30
LOG_CHARS = 2000


@dataclass(frozen=True, slots=True)
class Setup:
    """What sets one stack apart from another: its models and ``extra`` environment."""

    models: str = "models.toml"
    extra: tuple[tuple[str, str], ...] = ()

    @property
    def title(self) -> str:
        """The models and what else differs."""
        return " ".join(["the stack of", self.models, *map("=".join, self.extra)])

    @property
    def models_file(self) -> Path:
        """The catalog, beside this module."""
        return Path(__file__).with_name(self.models)

    @contextmanager
    def running(self) -> Iterator[Server]:
        """``millrace up``, ready; stopped in order at the end."""
        with tempfile.TemporaryDirectory(prefix="millrace-bench-") as name:
            folder = Path(name)
            api, queue, cache = free_ports(3)
            environment = {
                **os.environ,
                "MILLRACE_QUEUE_URL": f"redis://127.0.0.1:{queue}/0",
                "MILLRACE_CACHE_URL": f"redis://127.0.0.1:{cache}/0",
                "MILLRACE_API_PORT": str(api),
                "MILLRACE_DATA_DIR": str(folder),
                "MILLRACE_MODELS_FILE": str(self.models_file),
                # What is measured is computing, unless a setup says otherwise.
                "MILLRACE_CACHE": "off",
                **dict(self.extra),
            }
            with (folder / "screen.log").open("wb") as screen:
                process = subprocess.Popen(
                    [Path(sys.executable).parent / "millrace", "up"],
                    cwd=ROOT,
                    env=environment,
                    stdout=screen,
                    stderr=subprocess.STDOUT,
                    # Ctrl-C is for the harness, which then stops the stack in order.
                    start_new_session=True,
                )
            try:
                if not wait_until(lambda: _is_ready(api), lambda: process.poll() is not None):
                    raise RuntimeError(f"the stack is not ready:\n{_said(folder)}")
                yield Server(process.pid, "127.0.0.1", api, "/v1", environment)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(timeout=STOP_S)


PLAIN = Setup()


def _said(folder: Path) -> str:
    """The ends of all logs, which are gone with the folder."""
    ends = ((log, log.read_text(errors="replace")[-LOG_CHARS:]) for log in folder.rglob("*.log"))
    return "\n".join(f"{log.name}:\n{end}" for log, end in ends)


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        report = json.loads(answer.read())
    except (OSError, ValueError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return answer.status == 200 and report.get("keeper") == "ready"
