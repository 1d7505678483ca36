"""Readiness is read from outside: PING, /health and /ready."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from runner.readiness import READY, WAITING, Report, ping, read_reports
from runner.settings import RunnerSettings
from tasks.model import Model

MODELS = tuple(
    Model(name=name, kind="chat", source="echo:") for name in ("up", "down", "gone", "idle")
)
DOCUMENT = {
    "status": "loading",
    "models": {
        "up": {"state": "ready", "reason": None},
        "down": {"state": "failed", "reason": "no such file"},
        "gone": {"state": "missing", "reason": None},
        "idle": {"state": "unloaded", "reason": None},
    },
    "keeper": "ready",
}


class FakeApi(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b"{}" if self.path == "/health" else json.dumps(DOCUMENT).encode()
        self.send_response(200 if self.path == "/health" else 503)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test's output clean."""


@pytest.fixture
def api_port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), FakeApi) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_states_come_from_the_ready_document(api_port: int) -> None:
    """A 503 of /ready tells of every model as well as a 200 does."""
    settings = RunnerSettings(api_port=api_port)
    reports = read_reports(settings, MODELS)
    assert reports["api"] == reports["keeper"] == reports["chat.up"] == READY
    assert reports["chat.down"] == Report("failed", "no such file")
    assert reports["chat.gone"] == WAITING
    assert reports["chat.idle"] == Report("resting", "unloaded")


def test_nothing_is_ready_while_nothing_answers(unused_port: int) -> None:
    """Refused connections are waited out, not raised."""
    url = f"redis://127.0.0.1:{unused_port}/0"
    settings = RunnerSettings(api_port=unused_port, queue_url=url, cache_url=url)
    reports = read_reports(settings, MODELS)
    assert set(reports.values()) == {WAITING}
    assert ping(url) == WAITING
