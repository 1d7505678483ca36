"""The runner's settings: what they read, and how they complain."""

from __future__ import annotations

from pathlib import Path

import pytest

from runner.errors import CannotStart
from runner.settings import RunnerSettings, read_settings, variable

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # no .env of the checkout


def test_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable with the prefix sets the field of that name."""
    monkeypatch.setenv("MILLRACE_API_PORT", "8123")
    assert read_settings().api_port == 8123


def test_env_file_is_read(tmp_path: Path) -> None:
    """A line of .env in the working directory does the same."""
    (tmp_path / ".env").write_text("MILLRACE_QUEUE_FSYNC=always\n")
    assert read_settings().queue_fsync == "always"


def test_fault_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value that cannot be used is a message with the variable's name, not a traceback."""
    monkeypatch.setenv("MILLRACE_API_PORT", "many")
    with pytest.raises(CannotStart, match="MILLRACE_API_PORT: "):
        read_settings()


def test_fault_names_the_shortcut(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shortcut without the prefix is named as it is written."""
    monkeypatch.setenv("ENGINE_WORKERS", "0")
    with pytest.raises(CannotStart, match=r"^ENGINE_WORKERS: "):
        read_settings()


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("localhost", "http://localhost:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
    ],
)
def test_api_url_is_one_that_a_client_can_ask(host: str, url: str) -> None:
    """Listening everywhere is asked for at the loopback address; IPv6 gets its brackets."""
    assert RunnerSettings(api_host=host).api_url == url


def test_example_file_lists_every_variable() -> None:
    """.env.example has a line with the default of every variable of these settings."""
    lines = (ROOT / ".env.example").read_text().splitlines()
    listed = dict(line[1:].split("=", 1) for line in lines if "=" in line and line[1:2] != " ")
    for name, field in RunnerSettings.model_fields.items():
        alias = field.validation_alias
        default = listed.pop(alias if isinstance(alias, str) else variable(name))
        assert default.lower() == str("" if field.default is None else field.default).lower()
