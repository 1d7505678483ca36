"""What is known of the models' files, without reading one twice that has not changed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tasks.model import Model
from worker.node.reading import FileFacts, Question
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import files_of

# A fault may have been the moment's: a disk that did not answer, rights that were given since.
_AGAIN_S = 60.0
_PATIENCE_S = 30.0
_PATIENCE_EACH_S = 2.0
_ROOT = Path(__file__).resolve().parents[2]

_Stamp = tuple[tuple[str, int, int, int], ...]


@dataclass(frozen=True, slots=True)
class _Known:
    stamp: _Stamp
    facts: FileFacts
    until_s: float


class FileReader:
    """Finds each model's files, and has them read by another process (``reading``)."""

    def __init__(self, allowed: Sequence[Path]) -> None:
        self._allowed = allowed
        self._known: dict[str, _Known] = {}

    def facts(self, models: Sequence[Model]) -> dict[str, FileFacts]:
        """What the files of each model say today, by the model's name."""
        found: dict[str, FileFacts] = {}
        asked: list[tuple[Model, Question, _Stamp]] = []
        for model in models:
            try:
                known = self._look(model)
            except LoadFailed as error:
                known = FileFacts(fault=str(error))
            except OSError as error:
                known = FileFacts(fault=f"{model.source} cannot be read: {error.strerror}")
            if isinstance(known, FileFacts):
                found[model.name] = known
            else:
                asked.append((model, *known))
        answers = ask([question for _, question, _ in asked])
        for (model, _, stamp), facts in zip(asked, answers, strict=True):
            until_s = time.monotonic() + _AGAIN_S if facts.fault else float("inf")
            self._known[model.fingerprint] = _Known(stamp, facts, until_s)
            found[model.name] = facts
        self._forget_all_but(models)
        return found

    def _look(self, model: Model) -> FileFacts | tuple[Question, _Stamp]:
        """What is known already, or what has to be read for it."""
        if model.engine == "echo":
            return FileFacts()
        files = files_of(model, self._allowed, fetch=False)
        if files.source is None:
            return FileFacts(is_here=False)
        stamp = tuple(_stamp(path) for path in files.present)
        known = self._known.get(model.fingerprint)
        if known is not None and known.stamp == stamp and time.monotonic() < known.until_s:
            return known.facts
        mmproj = str(files.mmproj) if files.mmproj else None
        return Question(model.engine, str(files.source), mmproj), stamp

    def _forget_all_but(self, models: Sequence[Model]) -> None:
        kept = {model.fingerprint for model in models}
        self._known = {name: each for name, each in self._known.items() if name in kept}


def ask(questions: Sequence[Question]) -> list[FileFacts]:
    """The answers, in order; what ends a reading process is left out of the next one."""
    answers: list[FileFacts] = []
    while rest := questions[len(answers) :]:
        answered, end = _read(rest)
        answers += answered
        if len(answered) < len(rest):
            source = rest[len(answered)].source
            answers.append(FileFacts(fault=f"{source} cannot be read: {end}"))
    return answers


def _read(questions: Sequence[Question]) -> tuple[list[FileFacts], str]:
    """The answers of one process, and how it ended."""
    patience_s = _PATIENCE_S + _PATIENCE_EACH_S * len(questions)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "worker.node.reading"],
            input=b"".join(msgspec.json.encode(each) + b"\n" for each in questions),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=_ROOT,
            timeout=patience_s,
            start_new_session=True,
            check=False,
        )
        said, end = done.stdout, f"its reader ended with {done.returncode}"
    except subprocess.TimeoutExpired as error:
        said, end = error.stdout or b"", f"it was not read within {patience_s:.0f} s"
    lines = said.split(b"\n")[:-1]
    return [msgspec.json.decode(line, type=FileFacts) for line in lines], end


def _stamp(path: Path) -> tuple[str, int, int, int]:
    stat = path.stat()
    return str(path), stat.st_ino, stat.st_size, stat.st_mtime_ns
