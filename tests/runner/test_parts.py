"""The parts and their commands; the Procfile names the same ones."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

import pytest

from runner.parts import Stage, all_parts
from runner.settings import RunnerSettings
from tasks.catalog import Catalog, load_catalog
from tasks.model import Model

ROOT = Path(__file__).resolve().parents[2]
CATALOG = Catalog(
    (
        Model(name="talker", kind="chat", source="echo:", slots=3),
        Model(name="org/seer", kind="multimodal", source="echo:"),
        Model(name="vectors", kind="embed", source="echo:"),
    )
)


def test_procfile_names_the_same_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Procfile has the commands of `make run`, with the default settings and models."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "executable", ".venv/bin/python")
    for name in ("LLAMA_MODEL_PATH", "ONNX_EMBEDDING_MODEL_PATH", "ENGINE_WORKERS"):
        monkeypatch.delenv(name, raising=False)
    settings = RunnerSettings(_env_file=None)
    parts = {p.name: p.command for p in all_parts(settings, load_catalog(settings)) if not p.once}

    lines = (ROOT / "Procfile").read_text().splitlines()
    entries = (line.split(": ", 1) for line in lines if line and not line.startswith("#"))
    procfile = {name: tuple(shlex.split(command)) for name, command in entries}
    # Runners of Procfiles allow no dot in a name.
    assert procfile == {name.replace(".", "-"): command for name, command in parts.items()}


def test_every_model_has_one_worker_on_its_queue() -> None:
    """A model's worker consumes that model's queue alone, with a thread per slot."""
    workers = {p.model: p.command for p in all_parts(RunnerSettings(), CATALOG) if p.model}
    assert list(workers) == ["talker", "org/seer", "vectors"]
    talker = workers["talker"]
    assert talker[talker.index("-Q") + 1] == "chat.talker"
    assert talker[talker.index("-n") + 1] == "chat.talker@%h"
    assert talker[talker.index("-c") + 1] == "3"
    assert "chat.org/seer" in workers["org/seer"]
    assert "embed.vectors" in workers["vectors"]


def test_names_are_files() -> None:
    """A model's name may have slashes and colons, the part's (a file, a process) has none."""
    names = [part.name for part in all_parts(RunnerSettings(), CATALOG)]
    assert "chat.org-seer" in names


def test_redis_is_left_out_when_it_is_not_ours() -> None:
    """Without embedded Redis no part of that stage is started."""
    parts = all_parts(RunnerSettings(embed_redis=False), CATALOG)
    assert Stage.REDIS not in {part.stage for part in parts}


def test_a_stop_ends_within_fifteen_seconds() -> None:
    """The stages stop one after the other, and their longest waits add up to 15 s at most."""
    parts = all_parts(RunnerSettings(), CATALOG)
    longest = [max(p.stop_s for p in parts if p.stage is stage) for stage in Stage]
    assert sum(longest) <= 15
