"""The catalog of a process that lives on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks.connection import Client
from tasks.errors import UnknownModel
from tasks.fleet import Fleet
from tasks.live_catalog import LiveCatalog
from tasks.model import Model
from tasks.settings import QueueSettings

ONE = '[[model]]\nname = "one"\nkind = "chat"\nsource = "echo:"\naliases = ["first"]\n'
TWO = '[[model]]\nname = "two"\nkind = "chat"\nsource = "echo:"\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A catalog with one model."""
    path = tmp_path / "models.toml"
    path.write_text(ONE)
    return path


@pytest.fixture
def live(file: Path, client: Client, settings: QueueSettings) -> LiveCatalog:
    """The catalog over that file."""
    return LiveCatalog(settings.model_copy(update={"models_file": file}), client)


@pytest.fixture
def fleet(client: Client, settings: QueueSettings) -> Fleet:
    """Where models are added."""
    return Fleet(client, settings)


def names(live: LiveCatalog) -> list[str]:
    """The models' names, read again."""
    return [model.name for model in live.refresh()]


def write(file: Path, text: str) -> None:
    """Write the file, at another time than before."""
    before = file.stat().st_mtime_ns
    file.write_text(text)
    os.utime(file, ns=(before + 10**9, before + 10**9))


def test_models_come_and_go_at_run_time(live: LiveCatalog, fleet: Fleet) -> None:
    """What is added is there, and gone when it is forgotten."""
    fleet.define(Model(name="two", kind="chat", source="echo:"))
    assert names(live) == ["one", "two"]
    fleet.forget("two")
    assert names(live) == ["one"]


@pytest.mark.parametrize("taken", [{"name": "one"}, {"name": "x", "aliases": ("first",)}])
def test_the_file_goes_before_what_was_added(
    live: LiveCatalog, fleet: Fleet, taken: dict[str, str]
) -> None:
    """An added model that bears a name of the file's is not there."""
    fleet.define(Model(kind="embed", source="echo:", **taken))  # type: ignore[arg-type]
    assert names(live) == ["one"]
    assert live.now().find("first").kind == "chat"


def test_a_name_that_was_just_added_is_found(live: LiveCatalog, fleet: Fleet) -> None:
    """Whoever asks for it need not wait until the catalog is read again by itself."""
    models = live.refresh()
    live._read_at -= 0.2
    fleet.define(Model(name="new", kind="chat", source="echo:"))
    assert models.find("new").name == "new"
    with pytest.raises(UnknownModel):
        models.find("never")


def test_a_changed_file_is_read_again(live: LiveCatalog, file: Path) -> None:
    """Models of the file come and go with it."""
    write(file, TWO)
    assert names(live) == ["two"]


def test_a_file_that_cannot_be_read_changes_nothing(
    live: LiveCatalog, file: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a file takes no model away, and is said once."""
    write(file, ONE + "[[model")
    assert names(live) == names(live) == ["one"]
    assert len(caplog.records) == 1


def test_a_damaged_definition_is_left_out(
    live: LiveCatalog, fleet: Fleet, settings: QueueSettings
) -> None:
    """It harms no other model, be it wrong, of a newer release or no definition at all."""
    fleet.define(Model(name="bad", kind="chat", source="echo:", slots=0))
    fleet.redis.hset(
        f"{settings.key_prefix}:definitions", mapping={"later": b'{"new":1}', "x": b"\xff"}
    )
    assert names(live) == ["one"]
