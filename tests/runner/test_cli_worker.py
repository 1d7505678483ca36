"""``millrace node`` and ``millrace serve``: the process becomes the worker's own command."""

from __future__ import annotations

import sys

import pytest
from typer.testing import CliRunner

from runner import cli


@pytest.mark.parametrize(
    ("arguments", "command"),
    [(["node"], ["-m", "worker"]), (["serve", "m"], ["-m", "worker", "serve", "m"])],
)
def test_a_command_becomes_the_worker_s(
    monkeypatch: pytest.MonkeyPatch, arguments: list[str], command: list[str]
) -> None:
    """With this Python, and under the same process id: signals reach it."""
    became: list[list[str]] = []
    monkeypatch.setattr("runner.cli.os.execv", lambda *given: became.append(list(given)))
    result = CliRunner().invoke(cli.app, arguments)
    assert result.exit_code == 0, result.output
    assert became == [[sys.executable, [sys.executable, *command]]]
