"""An address that other machines reach, and no key: nothing is started."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner

from runner import cli
from runner.announce import example
from runner.errors import CannotStart
from runner.settings import RunnerSettings, check_front_door, read_settings

ROOT = Path(__file__).resolve().parents[2]
KEY = "a-key-of-this-test"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the checkout
    monkeypatch.setenv("MILLRACE_EMBED_REDIS", "false")
    (tmp_path / "models.toml").write_text(
        '[[model]]\nname = "echo"\nkind = "chat"\nsource = "echo:"\n'
    )


def test_up_refuses_to_listen_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Status 2, the remedies, and no supervisor."""
    monkeypatch.setenv("MILLRACE_API_HOST", "0.0.0.0")
    monkeypatch.setattr("runner.cli.os.execv", lambda *_: pytest.fail("started"))
    result = CliRunner().invoke(cli.app, ["up"])
    assert result.exit_code == 2
    assert "MILLRACE_API_KEY" in result.output
    assert "MILLRACE_AUTH=open" in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("variable", ["MILLRACE_API_KEY", "MILLRACE_ADMIN_KEY", "MILLRACE_AUTH"])
def test_each_remedy_is_one(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A key of either kind, or the word that somebody else asks for one."""
    monkeypatch.setenv("MILLRACE_API_HOST", "0.0.0.0")
    with pytest.raises(CannotStart):
        check_front_door(read_settings())
    monkeypatch.setenv(variable, "open" if variable == "MILLRACE_AUTH" else KEY)
    check_front_door(read_settings())


def test_a_weak_key_stops_the_start_and_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the API stops for it, again and again."""
    monkeypatch.setenv("MILLRACE_API_KEY", "hunter2")
    result = CliRunner().invoke(cli.app, ["up"])
    assert result.exit_code == 2
    assert "MILLRACE_API_KEY must have" in result.output
    assert "hunter2" not in result.output


def test_one_key_cannot_be_both(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everybody who may ask would be an administrator."""
    monkeypatch.setenv("MILLRACE_API_KEY", KEY)
    monkeypatch.setenv("MILLRACE_ADMIN_KEY", f"{KEY}x")
    check_front_door(read_settings())
    monkeypatch.setenv("MILLRACE_ADMIN_KEY", KEY)
    with pytest.raises(CannotStart, match="are the same"):
        check_front_door(read_settings())


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"MILLRACE_API_HOST": "0.0.0.0"}, "MILLRACE_API_HOST=0.0.0.0 is reached from other"),
        ({"MILLRACE_API_KEY": "hunter2"}, "MILLRACE_API_KEY must have at least 16"),
        ({"MILLRACE_API_KEY": KEY, "MILLRACE_ADMIN_KEY": KEY}, "are the same"),
        ({"MILLRACE_CORS_ORIGINS": "chat.example"}, "MILLRACE_CORS_ORIGINS must be"),
    ],
)
def test_gunicorn_refuses_too(variables: dict[str, str], said: str) -> None:
    """For whoever starts the API alone, as a container does: a message, no traceback, no key."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    for name in ("MILLRACE_API_KEY", "MILLRACE_ADMIN_KEY", "MILLRACE_AUTH"):
        environment.pop(name, None)
    command = [sys.executable, "-m", "gunicorn", "--check-config"]
    config = ["-c", str(ROOT / "app" / "gunicorn_conf.py"), "app:create_app()"]
    ended = subprocess.run(
        [*command, *config],
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode != 0
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
    assert "hunter2" not in ended.stderr
    assert KEY not in ended.stderr


def test_the_example_names_the_key_and_does_not_show_it() -> None:
    """A screen is seen by others."""
    shown = example(RunnerSettings(api_key=SecretStr(KEY)), "echo")
    assert '"Authorization: Bearer $MILLRACE_API_KEY"' in shown
    assert KEY not in shown
    assert "Authorization" not in example(RunnerSettings(), "echo")
