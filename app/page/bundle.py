"""The page's files, read once and named by what is in them."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("static")
PAGE = "index.html"

KINDS = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".txt": "text/plain",
}
# Packed by their own format.
_PACKED = {".woff2"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A file's content, also gzipped where that makes it smaller, and its media type."""

    content: bytes
    packed: bytes | None
    kind: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """The page, its other files by name, and the digest of all of them."""

    version: str
    page: Piece
    pieces: Mapping[str, Piece]

    @classmethod
    def read(cls, folder: Path = FOLDER) -> Bundle:
        """All files below ``folder``; the page's ``{version}`` becomes their digest."""
        files = {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in sorted(folder.rglob("*"))
            if path.suffix in KINDS
        }
        version = _digest(files)
        page = files.pop(PAGE).replace(b"{version}", version.encode())
        pieces = {name: _piece(name, content) for name, content in files.items()}
        return cls(version, _piece(PAGE, page), pieces)


def _digest(files: Mapping[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, content in files.items():
        digest.update(b"%d %b %d " % (len(name), name.encode(), len(content)))
        digest.update(content)
    return digest.hexdigest()[:16]


def _piece(name: str, content: bytes) -> Piece:
    ending = Path(name).suffix
    # No time in it: the same files make the same bytes.
    packed = None if ending in _PACKED else gzip.compress(content, mtime=0)
    return Piece(content, packed, KINDS[ending])
