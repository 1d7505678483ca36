"""What the tests of this folder ask about: models of files that they made."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tasks.model import Model
from tests.worker.probe import tiny
from tests.worker.probe.tiny import STRING, Typed
from worker.probe.question import Question

TWICE = tiny.build({"tokenizer.ggml.tokens": Typed(STRING, ["a"] * 258)})
"""The same token again and again, at which llama.cpp aborts."""

ENDLESS = tiny.build({"tokenizer.ggml.model": Typed(STRING, "rwkv")})
"""Tokens that are none of this tokenizer's, with which it never ends."""


@dataclass(frozen=True)
class Place:
    """Settings of a worker whose data lies in a folder of the test's."""

    data_dir: Path
    device: str = ""
    allowed_folders: tuple[Path, ...] = ()


def chat(path: Path, **fields: Any) -> Model:
    """A chat model of the file at ``path``."""
    return Model(**{"name": "m", "kind": "chat", "source": f"path:{path}", "context": 64, **fields})


def embed(path: Path, **fields: Any) -> Model:
    """An embedding model of the file at ``path``, whose tokenizer lies beside it."""
    return chat(path, kind="embed", **fields)


def question(path: Path, *, tokenizer: Path | None = None) -> Question:
    """Can the model in the file be loaded on the cpu?"""
    model = embed(path) if tokenizer else chat(path)
    words = str(tokenizer) if tokenizer else None
    return Question(model, str(path), words, None, "cpu", asker=os.getpid())
