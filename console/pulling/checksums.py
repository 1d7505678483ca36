"""Whether a file's content is what it should be: by its size, and by the checksums told of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_STRETCH = 1 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}")
_GIT_SHA1 = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Expected:
    """What is told of a content. ``etag`` is a sha256, or git's sha1, or says nothing.

    ``pin`` is the sha256 that the model's definition has.
    """

    etag: str
    size: int | None = None
    pin: str | None = None

    @property
    def names_another(self) -> bool:
        """Whether hub and definition mean different contents, which is known before it is here."""
        return bool(self.pin and _SHA256.fullmatch(self.etag) and self.pin != self.etag)

    @property
    def checks(self) -> str:
        """What the content is checked by."""
        if self.pin or _SHA256.fullmatch(self.etag):
            return "sha256"
        return "git's sha1" if _GIT_SHA1.fullmatch(self.etag) else "its size alone"


def find_fault(path: Path, expected: Expected, told: Callable[[int], None]) -> str | None:
    """What is wrong with the content, in a line; None where nothing is.

    ``told`` hears of every stretch that was read.
    """
    length = path.stat().st_size
    if expected.size is not None and length != expected.size:
        return f"it has {length:,} bytes and should have {expected.size:,}"
    sums = {
        name: _summed(name, length)
        for name, wanted in _wanted(expected)
        if wanted  # a pass over gigabytes is made for what is compared, and only then
    }
    if not sums:
        return None
    with path.open("rb") as file:
        while stretch := file.read(_STRETCH):
            for each in sums.values():
                each.update(stretch)
            told(len(stretch))
    found = {name: each.hexdigest() for name, each in sums.items()}
    for name, wanted in _wanted(expected):
        for value in wanted:
            if found[name] != value:
                return f"its {name} is {found[name]} and should be {value}"
    return None


def _wanted(expected: Expected) -> Iterator[tuple[str, list[str]]]:
    is_sha256 = _SHA256.fullmatch(expected.etag)
    yield "sha256", [v for v in (expected.etag if is_sha256 else None, expected.pin) if v]
    yield "sha1", [expected.etag] if _GIT_SHA1.fullmatch(expected.etag) else []


def _summed(name: str, length: int) -> Any:
    if name == "sha256":
        return hashlib.sha256()
    # Git sums up a header, too. It is a name, and no protection from somebody who means harm.
    return hashlib.sha1(b"blob %d\0" % length, usedforsecurity=False)
