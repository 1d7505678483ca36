"""The real stack, started as a user starts it, on free ports and with a data folder of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
READY_S = 90
STOP_S = 30


@dataclass(frozen=True, slots=True)
class Setup:
    """What sets one stack apart from another: its models and ``extra`` environment."""

    models: str = "models.toml"
    extra: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Stack:
    """A running stack: where its API listens, and the environment that its processes have."""

    port: int
    environment: Mapping[str, str]
    pid: int


@contextmanager
def running(setup: Setup) -> Iterator[Stack]:
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
            "MILLRACE_MODELS_FILE": str(Path(__file__).with_name(setup.models)),
            **dict(setup.extra),
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
            _wait_ready(process, api, folder / "screen.log")
            yield Stack(api, environment, process.pid)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(timeout=STOP_S)


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on now, no two alike."""
    with ExitStack() as probes:
        found = []
        for _ in range(number):
            probe = probes.enter_context(socket.socket())
            probe.bind(("127.0.0.1", 0))
            found.append(int(probe.getsockname()[1]))
        return found


def _wait_ready(process: subprocess.Popen[bytes], port: int, screen: Path) -> None:
    give_up_at = time.monotonic() + READY_S
    while time.monotonic() < give_up_at:
        if process.poll() is not None:
            break
        if _is_ready(port):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the stack is not ready:\n{screen.read_text()}")


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
