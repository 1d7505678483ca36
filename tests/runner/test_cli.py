"""``millrace up``: refuses clearly, or becomes the supervisor."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner

from runner import cli


@pytest.fixture(autouse=True)
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_EMBED_REDIS", "false")
    (tmp_path / "models.toml").write_text(
        '[[model]]\nname = "echo"\nkind = "chat"\nsource = "echo:"\n'
    )
    return tmp_path


def test_up_becomes_the_supervisor(
    checkout: Path, monkeypatch: pytest.MonkeyPatch, unused_port: int
) -> None:
    """With free ports the process is replaced by the supervisor, on the written configuration."""
    became: list[str] = []
    monkeypatch.setenv("MILLRACE_API_PORT", str(unused_port))
    monkeypatch.setattr("runner.cli.os.execv", lambda _, command: became.extend(command))
    result = CliRunner().invoke(cli.app, ["up"])
    assert result.exit_code == 0, result.output
    assert became[1:5] == ["-m", "runner.supervise", "-n", "-c"]
    assert "[program:node]" in Path(became[5]).read_text()
    assert Path(became[5]).is_relative_to(checkout / "data")


def test_taken_port_is_a_clear_message(monkeypatch: pytest.MonkeyPatch) -> None:
    """A taken port ends with status 2 and the setting's name, and nothing is started."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setenv("MILLRACE_API_PORT", str(listener.getsockname()[1]))
        result = CliRunner().invoke(cli.app, ["up"])
    assert result.exit_code == 2
    assert "MILLRACE_API_PORT" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("content", [None, "[[model]", '[[model]]\nname = "x"\n'])
def test_faulty_catalog_is_a_clear_message(checkout: Path, content: str | None) -> None:
    """A catalog that is missing or wrong ends the same way, and names the file."""
    (checkout / "models.toml").unlink()
    if content is not None:
        (checkout / "models.toml").write_text(content)
    result = CliRunner().invoke(cli.app, ["up"])
    assert result.exit_code == 2
    assert "models.toml" in result.output
