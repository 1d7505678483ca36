"""The client's own book: which ids it was answered. What is not in it was not accepted."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class Book:
    """A file of ids, one a line, each on the disk before ``write`` returns. Thread-safe."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file = path.open("a", encoding="ascii")

    def write(self, job_id: str) -> None:
        """The server answered with this id: from now on it owes an end."""
        with self._lock:
            self._file.write(f"{job_id}\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def ids(self) -> list[str]:
        """What was written, in order, each id once (a retried answer may bear a known one)."""
        with self._lock:
            return list(dict.fromkeys(self.path.read_text(encoding="ascii").split()))

    def close(self) -> None:
        """No more is written."""
        with self._lock:
            self._file.close()
