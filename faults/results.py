"""What was found, trial by trial, on the disk: a run goes on where an earlier one stopped."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

from faults.stamp import Stamp
from faults.trial import Trial


class Entry(msgspec.Struct, frozen=True):
    """A trial, and on what it was played."""

    trial: Trial
    stamp: Stamp


class Results:
    """A file of entries, one a line, each on the disk before ``add`` returns."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.entries: list[Entry] = list(read(path))

    def of(self, row: str, variant: str) -> list[Entry]:
        """A row's entries."""
        wanted = (row, variant)
        return [each for each in self.entries if (each.trial.row, each.trial.variant) == wanted]

    def missing(self, row: str, variant: str, count: int) -> list[int]:
        """The numbers, of 1 to ``count``, of the row's trials that were not played yet."""
        played = {each.trial.number for each in self.of(row, variant)}
        return [number for number in range(1, count + 1) if number not in played]

    def add(self, trial: Trial, stamp: Stamp) -> None:
        """Keep a trial."""
        entry = Entry(trial, stamp)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        cut(self._path)
        with self._path.open("ab") as file:
            file.write(msgspec.json.encode(entry) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        self.entries.append(entry)

    def forget(self, rows: Iterable[tuple[str, str]]) -> None:
        """Begin these rows anew."""
        gone = set(rows)
        kept = [e for e in self.entries if (e.trial.row, e.trial.variant) not in gone]
        if len(kept) == len(self.entries):
            return
        new = self._path.with_suffix(".new")
        new.write_bytes(b"".join(msgspec.json.encode(entry) + b"\n" for entry in kept))
        new.replace(self._path)
        self.entries = kept


def read(path: Path) -> Iterable[Entry]:
    """The entries of a file. A last line that was cut by a death is no entry."""
    if not path.exists():
        return
    for line in path.read_bytes().splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield msgspec.json.decode(line, type=Entry)


def cut(path: Path) -> None:
    """Take off the half line that a death left, before another is written behind it."""
    if path.exists() and (data := path.read_bytes()) and not data.endswith(b"\n"):
        os.truncate(path, data.rfind(b"\n") + 1)
