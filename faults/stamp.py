"""On what a trial was played: the day, the commit, the machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import date
from pathlib import Path

import msgspec
import psutil

ROOT = Path(__file__).resolve().parents[1]


class Stamp(msgspec.Struct, frozen=True):
    """``commit`` ends with a ``+`` where the tree differed from it."""

    day: str
    commit: str
    machine: str


def now() -> Stamp:
    """The stamp of a trial that is played now."""
    return Stamp(date.today().isoformat(), commit(), machine())  # noqa: DTZ011 - the reader's day


def commit() -> str:
    """The checkout's commit; ``unknown`` outside of one."""
    said = [_git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain")]
    return f"{said[0]}{'+' if said[1] else ''}" if said[0] else "unknown"


def machine() -> str:
    """Processor, cores and memory."""
    cpuinfo = Path("/proc/cpuinfo")
    text = cpuinfo.read_text() if cpuinfo.exists() else ""
    named = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    name = " ".join(named[1].split()) if named else platform.machine()
    memory = psutil.virtual_memory().total / 2**30
    return f"{name}, {len(os.sched_getaffinity(0))} cores, {memory:.0f} GiB"


def _git(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return done.stdout.strip()
