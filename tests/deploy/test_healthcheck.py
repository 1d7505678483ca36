"""What a container's health check finds, by what the container runs."""

from __future__ import annotations

import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy import healthcheck
from tasks import hosts
from tasks.connection import Client, now_ms
from tasks.fleet import Fleet, NodeReport
from tasks.roster import Report, Roster
from tasks.settings import QueueSettings

MODELS = '[[model]]\nname = "m"\nkind = "chat"\nsource = "echo:"\n'
WORKER = "python -m worker serve m"
NODE = "python -m worker"


@pytest.fixture(autouse=True)
def environment(settings: QueueSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A container of this test's queue, with one model."""
    (tmp_path / "models.toml").write_text(MODELS)
    monkeypatch.setenv("MILLRACE_QUEUE_URL", settings.queue_url)
    monkeypatch.setenv("MILLRACE_KEY_PREFIX", settings.key_prefix)
    monkeypatch.setenv("MILLRACE_MODELS_FILE", str(tmp_path / "models.toml"))


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """A server that answers with the first of these statuses."""
    statuses = [200]

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(statuses[0] if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    monkeypatch.setenv("MILLRACE_API_PORT", str(server.server_port))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield statuses
    server.shutdown()
    thread.join()
    server.server_close()


def report(client: Client, settings: QueueSettings, **fields: object) -> None:
    """Of a worker of this container, unless ``fields`` say otherwise."""
    given = {"state": "ready", "host": hosts.this_host(), "pid": os.getpid(), **fields}
    told = Report(
        node="chat.m@box",
        slots=1,
        context=64,
        expires_ms=now_ms(client) + 5_000,
        born=hosts.born(os.getpid()) or 0,
        **given,  # type: ignore[arg-type]
    )
    Roster(client, settings).report("chat.m", "one", told)


def test_a_worker_is_at_work_while_it_reports(client: Client, settings: QueueSettings) -> None:
    """Also while it loads or drains; not with a model that does not load, nor in silence."""
    assert "no node and no worker" in healthcheck.look(WORKER)
    for state in ("loading", "ready", "draining"):
        report(client, settings, state=state)
        assert healthcheck.look(WORKER) == ""
    report(client, settings, state="failed", reason="no such file")
    assert healthcheck.look(WORKER) == "m: no such file"


def test_another_containers_worker_does_not_count(client: Client, settings: QueueSettings) -> None:
    """It is alive, and says nothing of this one."""
    report(client, settings, host="another")
    assert "no node and no worker" in healthcheck.look(WORKER)


def test_a_node_is_at_work_while_it_reports(client: Client, settings: QueueSettings) -> None:
    """Whatever its models do: they are not the container's only one."""
    now = now_ms(client)
    told = NodeReport(
        name="box",
        host=hosts.this_host(),
        pid=os.getpid(),
        born=hosts.born(os.getpid()) or 0,
        expires_ms=now + 5_000,
        started_ms=now,
        cores=2,
        memory_bytes=1,
        budget_bytes=1,
    )
    assert healthcheck.look(NODE)
    Fleet(client, settings).report(told)
    assert healthcheck.look(NODE) == ""


def test_a_keeper_is_at_work_while_it_reports(client: Client, settings: QueueSettings) -> None:
    """Its key ends by itself."""
    command = "celery -A app.keeper worker -Q keeper"
    assert healthcheck.look(command) == "no keeper reports"
    Roster(client, settings).report_keeper("keeper@box#1", 5)
    assert healthcheck.look(command) == ""


def test_an_api_is_at_work_while_it_answers(api: list[int]) -> None:
    """No Redis is asked: a restart of the API would not bring that back."""
    command = "gunicorn -c app/gunicorn_conf.py app:create_app()"
    assert healthcheck.look(command) == ""
    api[0] = 503
    with pytest.raises(OSError, match="503"):
        healthcheck.look(command)


def test_the_exit_status_says_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """1 and a line, without a traceback, also where nothing can be asked."""
    (tmp_path / "cmdline").write_bytes(b"python\0-m\0worker\0")
    monkeypatch.setattr(healthcheck, "FIRST_PROCESS", tmp_path / "cmdline")
    monkeypatch.setenv("MILLRACE_QUEUE_URL", "redis://127.0.0.1:1/0")
    assert healthcheck.main() == 1
    assert "ConnectionError" in capsys.readouterr().out
