"""Locks that belong to whoever has the file open."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from worker.node import locks


def test_a_lock_is_had_once(tmp_path: Path) -> None:
    """And again when it was given up."""
    path = tmp_path / "run" / "a.lock"
    first = locks.take(path)
    assert first is not None
    assert locks.take(path) is None
    os.close(first)
    second = locks.take(path)
    assert second is not None
    os.close(second)


def test_who_inherits_a_lock_holds_it(tmp_path: Path) -> None:
    """Until it ends, though the one who took it has closed it."""
    path = tmp_path / "a.lock"
    lock = locks.take(path)
    assert lock is not None
    with subprocess.Popen(["/bin/sleep", "60"], pass_fds=(lock,)) as heir:
        locks.sign(lock, heir.pid)
        os.close(lock)
        assert locks.take(path) is None
        assert locks.holder(path) == heir.pid
        heir.kill()
    lock = locks.take(path)
    assert lock is not None
    os.close(lock)


def test_a_pid_that_came_again_holds_nothing(tmp_path: Path) -> None:
    """The process of that number does not have the file open."""
    path = tmp_path / "a.lock"
    with subprocess.Popen(["/bin/sleep", "60"]) as stranger:
        path.write_text(f"{stranger.pid}\n")
        assert locks.holder(path) is None
        stranger.kill()
