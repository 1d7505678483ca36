"""The command line as it is called, on a queue of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from runner import cli
from tasks.ledger import Ledger
from tasks.records import Records
from tasks.settings import QueueSettings
from tasks.upkeep import Upkeep
from tests.console.fleets import Fleets
from tests.console.lives import Lives

Millrace = Callable[..., Result]


@pytest.fixture
def lives(ledger: Ledger, records: Records, upkeep: Upkeep) -> Iterator[Lives]:
    """Jobs of one chat model that no other test has: tickets have no prefix."""
    lives = Lives(ledger, records, upkeep)
    yield lives
    ledger.redis.delete(lives.queue)


@pytest.fixture
def fleets(ledger: Ledger) -> Fleets:
    """What nodes and workers say."""
    return Fleets(ledger.redis, ledger.settings)


@pytest.fixture
def millrace(
    settings: QueueSettings, lives: Lives, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Millrace:
    """``millrace`` with these arguments, its output in a pipe, in a folder with a catalog."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MILLRACE_QUEUE_URL", settings.queue_url)
    monkeypatch.setenv("MILLRACE_KEY_PREFIX", settings.key_prefix)
    write_catalog(tmp_path, lives.model)
    return lambda *arguments: CliRunner().invoke(cli.app, list(arguments))


def write_catalog(folder: Path, *models: str) -> None:
    """A catalog of echo models."""
    tables = (f'[[model]]\nname = "{name}"\nkind = "chat"\nsource = "echo:"\n' for name in models)
    (folder / "models.toml").write_text("\n".join(tables))
