"""The memory that processes here may have."""

from __future__ import annotations

import os
from pathlib import Path

from worker.memory import memory_bytes

MIB = 1 << 20


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_the_closest_limit_around_a_process_counts(tmp_path: Path) -> None:
    """Version 2 of cgroups: of a group within groups the least, and "max" is no limit."""
    write(tmp_path / "self", "0::/outer/inner\n")
    write(tmp_path / "cg/memory.max", "max\n")
    write(tmp_path / "cg/outer/memory.max", str(64 * MIB))
    write(tmp_path / "cg/outer/inner/memory.max", "max\n")
    assert memory_bytes(tmp_path / "cg", tmp_path / "self") == 64 * MIB


def test_a_container_that_sees_its_group_as_the_root_is_limited_by_it(tmp_path: Path) -> None:
    """Version 1: the path that the kernel tells does not exist in the container."""
    write(tmp_path / "self", "5:cpu:/x\n4:hugetlb,memory:/docker/abc\n")
    write(tmp_path / "cg/memory/memory.limit_in_bytes", str(32 * MIB))
    assert memory_bytes(tmp_path / "cg", tmp_path / "self") == 32 * MIB


def test_without_groups_it_is_the_machines(tmp_path: Path) -> None:
    """All of it."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert memory_bytes(tmp_path / "none", tmp_path / "none") == whole
