"""Before a worker loads a model: its pin holds, and a process of its own has loaded it once."""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Protocol

from tasks.model import Model
from worker.probe import process
from worker.probe.question import Question
from worker.probe.verdicts import Fact, Verdicts, identity
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import files_of

log = logging.getLogger(__name__)

_TRIAL = 1
"""Counted up when a trial does more than it did: what passed the old one has to pass the new."""

_LIBRARIES = {"llama": ("llama_cpp",), "onnx": ("onnxruntime", "tokenizers")}


class Settings(Protocol):
    """What is needed of the worker's settings."""

    @property
    def data_dir(self) -> Path: ...

    @property
    def allowed_folders(self) -> tuple[Path, ...]: ...

    @property
    def device(self) -> str: ...


def require_sound(model: Model, path: Path, settings: Settings) -> None:
    """Raise ``LoadFailed`` unless ``model`` can be loaded from ``path``, where its source lies.

    The first time this takes as long as loading it; later, until a file, the library or the
    device is another, milliseconds.
    """
    if model.engine == "echo":
        return
    # The loader fetched what was to be fetched; asking the hub again would take a round trip.
    files = files_of(model, settings.allowed_folders, fetch=False)
    if files.missing:
        files = files_of(model, settings.allowed_folders, fetch=True)
    verdicts = Verdicts(settings.data_dir / "run" / "probed")
    try:
        _require_pin(model, path, verdicts)
        question = Question(
            model,
            source=str(path),
            tokenizer=str(files.tokenizer) if files.tokenizer else None,
            mmproj=str(files.mmproj) if files.mmproj else None,
            device=settings.device or model.device,
            asker=os.getpid(),
        )
        _require_trial(question, verdicts)
    except OSError as error:
        raise LoadFailed(f"{path} cannot be tried: {error}") from error


def _require_pin(model: Model, path: Path, verdicts: Verdicts) -> None:
    if model.sha256 is None:
        return
    about = ["sha256", *identity(path)]
    if (found := verdicts.find(about)) is None:
        with path.open("rb") as file:
            found = [hashlib.file_digest(file, "sha256").hexdigest()]
        verdicts.keep(about, found)
    if found != [model.sha256]:
        raise LoadFailed(
            f"{path} has the sha256 {found[0]}, and {model.name} is pinned to {model.sha256}: "
            "fetch the file again, or correct the pin"
        )


def _require_trial(question: Question, verdicts: Verdicts) -> None:
    about = _about(question)
    known = verdicts.find(about)
    if known is not None and known == _fingerprints(known[::2]):
        return
    began = time.monotonic()
    answer = process.ask(question)
    if answer.outcome == "refused":
        raise LoadFailed(answer.reason)
    if answer.outcome != "sound":
        raise LoadFailed(
            f"{question.source}: {answer.reason}. The file is damaged (fetch it again), or this "
            "build of its library does not suit the machine"
        )
    log.info("model %s tried in %.1f s", question.model.name, time.monotonic() - began)
    if question.device != "any":  # which one that is may be another the next time
        verdicts.keep(about, _fingerprints(answer.beside))


def _about(question: Question) -> list[Fact]:
    """All that the verdict depends on; the number of slots and their context are not tried."""
    model = question.model
    options = (model.n_gpu_layers, model.kv_type, str(model.flash_attention))
    libraries = (find_spec(name) for name in _LIBRARIES[model.engine])
    installed = [Path(spec.origin) for spec in libraries if spec and spec.origin]
    return [
        *("trial", _TRIAL, model.engine, model.kind, question.device.partition(":")[0], *options),
        *chain.from_iterable(map(identity, (*question.files, *installed))),
    ]


def _fingerprints(paths: Sequence[str]) -> list[str]:
    """Each path, and after it what tells whether its file is still the same."""
    return [each for path in paths for each in (path, " ".join(map(str, _identity(path))))]


def _identity(path: str) -> list[Fact]:
    try:
        return identity(Path(path))
    except OSError:
        return []
