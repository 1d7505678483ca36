"""The controls take away what they say, and notice when production code changed under them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from faults.controls.patches import NothingToPatch, changed, replace_method

CONTROLS = sorted(
    path.stem
    for path in Path("faults/controls").glob("*.py")
    if path.stem not in {"__init__", "patches"}
)


class Owner:
    """Has one method."""

    def method(self) -> str:
        """What it was."""
        return "before"


def test_a_piece_that_is_not_there_is_an_error() -> None:
    """A control that switches nothing off must not start."""
    with pytest.raises(NothingToPatch):
        changed("append", "return 1", {"if fenced then": "if false then"})


def test_a_piece_that_is_there_twice_is_an_error() -> None:
    """Which of them is the protection would be a guess."""
    with pytest.raises(NothingToPatch):
        changed("append", "x x", {"x": "y"})


def test_a_piece_is_changed() -> None:
    """Only it."""
    assert changed("append", "a b c", {"b": "B"}) == "a B c"


def test_a_method_is_replaced_and_handed_back() -> None:
    """The new one is called; the old one can be called by it."""
    replaced = replace_method(Owner, "method", lambda _self: "after")
    assert Owner().method() == "after"
    assert replaced(Owner()) == "before"


def test_a_method_that_is_not_there_is_an_error() -> None:
    """A renamed method would leave the protection in place."""
    with pytest.raises(NothingToPatch):
        replace_method(Owner, "renamed", lambda _self: "")


@pytest.mark.parametrize("control", CONTROLS)
def test_every_control_fits_production_code(control: str) -> None:
    """Imported as its process imports it, each finds what it takes away."""
    command = [sys.executable, "-c", f"import faults.controls.{control}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("control", CONTROLS)
def test_scripts_of_other_packages_are_loaded_as_ever(control: str) -> None:
    """A process under a control reads the scripts of batches as well."""
    story = (
        f"import fakeredis, faults.controls.{control}, tasks.scripts as scripts;"
        "client = fakeredis.FakeRedis();"
        "print(scripts.load(client, 'plan_batch', 'app.batches').script)"
    )
    done = subprocess.run(
        [sys.executable, "-c", story], capture_output=True, text=True, check=False
    )
    assert "Lines are given to jobs" in done.stdout, done.stderr
