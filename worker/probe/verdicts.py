"""What was found out about files, kept over restarts: a worker that comes back is not to wait.

A record is a small file that says what it is about; it counts as long as all of that is still so.
Only good news is kept: a file that did not load may have been unfinished, or the machine full.
"""

from __future__ import annotations

import hashlib
import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec

log = logging.getLogger(__name__)

_MOST = 256

Fact = str | int | None


class _Record(msgspec.Struct):
    about: list[Fact]
    found: list[str]


class Verdicts:
    """Records in ``folder``, which any number of processes use at once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find(self, about: Sequence[Fact]) -> list[str] | None:
        """What was found out about exactly this; None when nothing was."""
        try:
            record = msgspec.json.decode(self._place(about).read_bytes(), type=_Record)
        except (OSError, msgspec.MsgspecError):
            return None
        return record.found if record.about == list(about) else None

    def keep(self, about: Sequence[Fact], found: list[str]) -> None:
        """Record it; a folder that cannot be written to costs time at the next start, no more."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._make_room()
            with tempfile.NamedTemporaryFile(dir=self._folder, delete=False) as file:
                file.write(msgspec.json.encode(_Record(list(about), found)))
            Path(file.name).replace(self._place(about))
        except OSError as error:
            log.warning("what was found out about a model's files is not kept: %s", error)

    def _make_room(self) -> None:
        records = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        for path in records[: len(records) - _MOST]:
            path.unlink(missing_ok=True)

    def _place(self, about: Sequence[Fact]) -> Path:
        return self._folder / hashlib.sha256(msgspec.json.encode(list(about))).hexdigest()


def identity(path: Path) -> list[Fact]:
    """What changes when the file's bytes do."""
    real = path.resolve()
    stat = real.stat()
    return [str(real), stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns]
