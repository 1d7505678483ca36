"""FILE, row by row: the lines of a text, a column of a table, or requests that are ready.

Every line of a text is a row, blank ones too, so that row N of the output is line N of FILE; the
same holds for the records of a table. Texts are UTF-8; a byte order mark is no part of them.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

from console.batches.faults import Unusable
from console.wording import counted

_DELIMITERS = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
# What else spreadsheets write under the name of CSV.
_OTHERS = ";\t|"
_LONGEST_CELL = 64 * 1024 * 1024
_HEAD_BYTES = 65_536
_OBJECTS = {".jsonl", ".ndjson"}


class Texts(Protocol):
    """Rows of FILE, '' for one without a text."""

    def __iter__(self) -> Iterator[str]:
        """From the first on; raises ``Unusable``."""


class ReadyRequest(msgspec.Struct, frozen=True):
    """A line of a batch file; what it asks for is the server's to judge."""

    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Lines:
    """The lines of a text."""

    path: Path

    def __iter__(self) -> Iterator[str]:
        """Without their ends, which may be Windows'."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                except UnicodeDecodeError as error:
                    raise Unusable(f"{self.path}, line {number}: it is no UTF-8.") from error
                text = text.rstrip("\r\n")
                yield text if text.strip() else ""


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table, by the name in its first record or by its number from 1."""

    path: Path
    name: str | None
    has_header: bool = True

    def __iter__(self) -> Iterator[str]:
        """The cells; a record that is too short has none there."""
        csv.field_size_limit(_LONGEST_CELL)
        records = 0
        try:
            with self.path.open(newline="", encoding="utf-8-sig") as file:
                reader = csv.reader(file, delimiter=_delimiter(self.path))
                place = self._place(reader)
                for record in reader:
                    if not record:  # a blank line between records is no record
                        continue
                    records += 1
                    text = record[place] if place < len(record) else ""
                    yield text if text.strip() else ""
        except UnicodeDecodeError as error:
            raise Unusable(f"{self.path}, about record {records + 1}: it is no UTF-8.") from error
        except csv.Error as error:
            raise Unusable(f"{self.path}, after record {records}: {error}.") from error

    def _place(self, reader: Iterator[list[str]]) -> int:
        if not self.has_header:
            return self._numbered(None)
        header = next(reader, [])
        if not header:
            raise Unusable(f"{self.path} is empty.")
        names = [name.strip() for name in header]
        if self.name is None:
            if len(names) == 1:
                return 0
            raise Unusable(f"Which column of {self.path}? --column names one: {_listed(names)}.")
        if self.name in names:
            return names.index(self.name)
        return self._numbered(names)

    def _numbered(self, names: list[str] | None) -> int:
        """The column that ``name`` has the number of, where ``names`` are those there are."""
        if self.name and self.name.isdecimal():
            number = int(self.name)
            if number >= 1 and (names is None or number <= len(names)):
                return number - 1
        if names is None:
            raise Unusable("Without a header --column is a number, from 1.")
        raise Unusable(f"{self.path} has no column {self.name!r}; it has {_listed(names)}.")


@dataclass(frozen=True, slots=True)
class Ready:
    """The lines of a batch file."""

    path: Path

    def __iter__(self) -> Iterator[tuple[int, bytes, ReadyRequest]]:
        """Their numbers from 1, their bytes and what they say; blank ones are none."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    request = msgspec.json.decode(line, type=ReadyRequest)
                except msgspec.DecodeError as error:
                    raise Unusable(
                        f"{self.path}, line {number} is no request of a batch: {error}."
                    ) from error
                yield number, line.rstrip(b"\r\n") + b"\n", request


def check_readable(path: Path) -> None:
    """``Unusable`` where there is no such file."""
    try:
        with path.open("rb"):
            return
    except OSError as error:
        raise Unusable(f"{path} cannot be read: {error.strerror}.") from error


def is_ready(path: Path) -> bool:
    """Whether FILE's first line is a request of a batch; ``Unusable`` for other objects."""
    with path.open("rb") as file:
        line = next((line for line in file if line.strip()), b"")
    try:
        msgspec.json.decode(line, type=ReadyRequest)
        return True
    except msgspec.DecodeError as error:
        if path.suffix.lower() in _OBJECTS:
            raise Unusable(
                f"{path} has no batch requests: a line has custom_id, method, url and body"
                f" ({error}). Plain texts have another suffix, one on each line."
            ) from error
        return False


def texts_of(path: Path, column: str | None, *, has_header: bool) -> Texts:
    """FILE as texts: a table by its suffix, or because a column is named."""
    if column is not None or not has_header or path.suffix.lower() in _DELIMITERS:
        return Column(path, column, has_header)
    return Lines(path)


def _delimiter(path: Path) -> str:
    """By the suffix; another one where the first line has it and none of the suffix's."""
    told = _DELIMITERS.get(path.suffix.lower(), ",")
    with path.open("rb") as file:
        head = file.readline(_HEAD_BYTES).decode("utf-8-sig", errors="replace")
    if told in head:
        return told
    return max((other for other in _OTHERS if other in head), key=head.count, default=told)


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"{name!r} ({number})" for number, name in enumerate(names[:30], 1))
    more = f" and {counted(len(names) - 30, 'more', 'more')}" if len(names) > 30 else ""
    return shown + more
