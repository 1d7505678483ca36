"""The files that a model uses, and the hashes of their bytes, which are kept over restarts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tasks.model import Model
from worker.probe.verdicts import Fact, Verdicts, identity
from worker.runtimes import onnx_check
from worker.runtimes.sources import files_of

_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Seen:
    """A file that the model uses as its ``role``, and the facts that change when its bytes do."""

    role: str
    path: Path
    facts: tuple[Fact, ...]

    @property
    def same(self) -> bool:
        """Whether it is, by these facts, the file that was seen."""
        try:
            return tuple(identity(self.path)) == self.facts
        except OSError:
            return False


def look(model: Model, folders: Sequence[Path]) -> list[Seen]:
    """The files of ``model`` as they are now; those of a hub are fetched first where they must be.

    ``folders`` are those allowed to a restricted model. Raises ``LoadFailed`` and ``OSError``
    where there is nothing to load either.
    """
    files = files_of(model, folders, fetch=False)
    if files.missing:
        files = files_of(model, folders, fetch=True)
    found = {"source": files.source, "tokenizer": files.tokenizer, "mmproj": files.mmproj}
    if model.engine == "onnx" and files.source:
        outside = onnx_check.check(files.source)
        found |= {f"weights {number}": path for number, path in enumerate(outside)}
    return [Seen(role, path, tuple(identity(path))) for role, path in found.items() if path]


class Hashes:
    """SHA-256 of files, each computed once for as long as the file stays the same."""

    def __init__(self, folder: Path) -> None:
        """``folder`` is that of the verdicts: a pin that was checked is a hash that is known."""
        self._verdicts = Verdicts(folder)

    def known(self, seen: Seen) -> str | None:
        """The file's hash, if it was computed before and the file is still the same."""
        found = self._verdicts.find(_about(seen))
        return found[0] if found and seen.same else None

    def compute(self, seen: Seen, stopped: Callable[[], bool]) -> str | None:
        """The file's hash; None when it is not what was ``seen``, or when ``stopped`` says so."""
        digest = hashlib.sha256()
        with seen.path.open("rb") as file:
            while block := file.read(_BLOCK_BYTES):
                if stopped():
                    return None
                digest.update(block)
        if not seen.same:
            return None
        self._verdicts.keep(_about(seen), [digest.hexdigest()])
        return digest.hexdigest()


def _about(seen: Seen) -> list[Fact]:
    return ["sha256", *seen.facts]
