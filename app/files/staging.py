"""Files in the making: written beside the store, and gone when they do not become part of it."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.files.faults import translated

# No file grows for so long without a single byte: its process was killed.
STALE_S = 86_400.0


class Staging:
    """A folder of this machine, made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def place(self) -> Iterator[Path]:
        """Where to write one new file; what is still there when the block ends is deleted."""
        with translated():
            self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / secrets.token_hex(16)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def tidy(self, stale_s: float = STALE_S) -> None:
        """Delete what killed processes left, so long after its last byte."""
        before_s = time.time() - stale_s
        with contextlib.suppress(FileNotFoundError), os.scandir(self.folder) as entries:
            for entry in entries:
                # Another process may tidy at the same time, or end its file well.
                with contextlib.suppress(FileNotFoundError):
                    if entry.stat().st_mtime < before_s:
                        Path(entry.path).unlink()
