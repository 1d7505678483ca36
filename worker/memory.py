"""The memory that processes here may have: the machine's, or their container's if that is less."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_CGROUPS = Path("/sys/fs/cgroup")
_MEMBERSHIP = Path("/proc/self/cgroup")


def memory_bytes(groups: Path = _CGROUPS, membership: Path = _MEMBERSHIP) -> int:
    """All of it, in bytes."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min([machine, *_group_limits(groups, membership)])


def _group_limits(groups: Path, membership: Path) -> Iterator[int]:
    """The limits of this process's group and of those around it, in either version of cgroups.

    A container may see its own group as the root of all, so the root counts too.
    """
    for folder, name in _memory_groups(groups, membership):
        for each in (folder, *folder.parents):
            if not each.is_relative_to(groups):
                break
            with contextlib.suppress(OSError, ValueError):  # no such file, or no limit ("max")
                yield int((each / name).read_text())


def _memory_groups(groups: Path, membership: Path) -> Iterator[tuple[Path, str]]:
    try:
        lines = membership.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            yield groups / path.lstrip("/"), "memory.max"
        elif "memory" in controllers.split(","):
            yield groups / "memory" / path.lstrip("/"), "memory.limit_in_bytes"
