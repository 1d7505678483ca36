"""The parts and their commands; the Procfile names the same ones."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from runner.parts import Stage, all_parts, part_name
from runner.settings import RunnerSettings

ROOT = Path(__file__).resolve().parents[2]


def test_procfile_names_the_same_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Procfile has the commands of `make run`, with the default settings."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "executable", ".venv/bin/python")
    settings = RunnerSettings(_env_file=None)
    parts = {p.name: p.command for p in all_parts(settings) if not p.once}

    lines = (ROOT / "Procfile").read_text().splitlines()
    entries = (line.split(": ", 1) for line in lines if line and not line.startswith("#"))
    procfile = {name: tuple(shlex.split(command)) for name, command in entries}
    # Runners of Procfiles allow no dot in a name.
    assert procfile == {name.replace(".", "-"): command for name, command in parts.items()}


def test_the_models_are_the_nodes() -> None:
    """One part keeps the workers of all models; the runner starts none itself."""
    commands = {part.name: part.command for part in all_parts(RunnerSettings())}
    assert commands["node"][1:] == ("-m", "worker")
    assert not any("-Q" in command for name, command in commands.items() if name != "keeper")


def test_names_are_files() -> None:
    """A model's name may have slashes and colons, a file's and a process's has none."""
    assert part_name("chat.org/seer:7b") == "chat.org-seer-7b"


def test_redis_is_left_out_when_it_is_not_ours() -> None:
    """Without embedded Redis no part of that stage is started."""
    parts = all_parts(RunnerSettings(embed_redis=False))
    assert Stage.REDIS not in {part.stage for part in parts}


def test_a_stop_ends_within_fifteen_seconds() -> None:
    """The stages stop one after the other, and their longest waits add up to 15 s at most."""
    parts = all_parts(RunnerSettings())
    longest = [max(p.stop_s for p in parts if p.stage is stage) for stage in Stage]
    assert sum(longest) <= 15
