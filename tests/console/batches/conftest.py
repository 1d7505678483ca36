"""``millrace batch`` against a server that plays the API."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from console.batches import server, watching
from runner import cli
from tests.console.batches.batch_server import Api, serving

ROOT = Path(__file__).resolve().parents[3]
# Looks and pauses in a hundredth of their time; Ctrl-C heard as in a terminal.
HURRIED = """
import signal; signal.signal(signal.SIGINT, signal.default_int_handler)
import console.batches.server as s; s.PAUSES_S = tuple(p / 100 for p in s.PAUSES_S)
import console.batches.watching as w; w.LOOK_S = 0.01
from runner.cli import main; main()
"""

Batch = Callable[..., Result]


@pytest.fixture
def api() -> Iterator[Api]:
    """An API with an embedding model."""
    with serving(Api()) as api:
        yield api


@pytest.fixture
def batch(api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Batch:
    """``millrace batch`` with these arguments, in an empty folder, without waiting long."""
    monkeypatch.chdir(tmp_path)
    for name in ("MILLRACE_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MILLRACE_URL", api.url)
    monkeypatch.setattr(server, "PAUSES_S", tuple(each / 100 for each in server.PAUSES_S))
    monkeypatch.setattr(watching, "LOOK_S", 0.01)
    return lambda *arguments: CliRunner().invoke(cli.app, ["batch", *map(str, arguments)])


def command(*arguments: str) -> list[str]:
    """``millrace batch`` as a process."""
    return [sys.executable, "-c", HURRIED, "batch", *arguments]


def environment(api: Api, **variables: str) -> dict[str, str]:
    """Of such a process."""
    return {**os.environ, "MILLRACE_URL": api.url, "PYTHONPATH": str(ROOT), **variables}


def start(api: Api, folder: Path, *arguments: str, **variables: str) -> subprocess.Popen[str]:
    """The process, on its way."""
    return subprocess.Popen(
        command(*arguments),
        cwd=folder,
        env=environment(api, **variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
