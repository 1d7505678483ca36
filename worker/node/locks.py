"""Locks that end with the process that holds them: what keeps a worker from being there twice.

A lock is a file with an flock on it. It belongs to whoever has that very descriptor open, so a
process that inherits it holds it until it ends, however it ends and whoever started it. The file
is never removed: two processes would lock two files of one name.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def take(path: Path) -> int | None:
    """The descriptor that holds the lock; None while another process has it.

    Raises ``OSError`` where no such file can be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError):
            return None
        raise
    return descriptor


def sign(descriptor: int, pid: int) -> None:
    """Write into the file who holds its lock."""
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{pid}\n".encode(), 0)


def holder(path: Path) -> int | None:
    """The process that signed the file, if it still has it open; pids come again."""
    try:
        pid = int(path.read_text())
        mine = path.stat()
    except (OSError, ValueError):
        return None
    if pid == os.getpid():
        return None
    return pid if any(_is_same(mine, each) for each in _open_files(pid)) else None


def _open_files(pid: int) -> list[Path]:
    try:
        return list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []


def _is_same(mine: os.stat_result, link: Path) -> bool:
    try:
        other = link.stat()
    except OSError:  # closed meanwhile, or nothing that lies in a folder
        return False
    return (other.st_dev, other.st_ino) == (mine.st_dev, mine.st_ino)
