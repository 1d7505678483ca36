"""Which machine a process runs on, and whether one that was named there still lives.

A lease tells of a death after seconds; on one machine the kernel tells at once. A process is named
by its pid and by when it began, because pids come again; a machine by its boot and by the
namespace of its pids, because containers have pids, and often host names, of their own.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def this_host() -> str:
    """The name of this machine's pids; empty where the kernel does not tell."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot}/{Path('/proc/self/ns/pid').stat().st_ino}"
    except OSError:
        return ""


def born(pid: int) -> int | None:
    """When the process began, in clock ticks since the boot; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command's name is in parentheses and may hold any character, these too.
    state, *rest = stat.rpartition(")")[2].split()
    return None if state in "ZX" else int(rest[18])


def is_gone(host: str, pid: int, born_at: int) -> bool:
    """Whether that process is known to have ended; False wherever nobody here can tell."""
    return bool(host) and host == this_host() and born(pid) != born_at
