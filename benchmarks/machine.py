"""What was measured on: the processor, the memory, the versions."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from runner.redis_server import find_binary

PACKAGES = ("llama-cpp-python", "onnxruntime", "celery", "kombu", "redis", "gunicorn", "gevent")
# Instruction sets that decide how fast a quantized model is computed.
_TELLING_FLAGS = ("avx2", "avx512f", "avx_vnni", "avx512_vnni", "avx512_bf16", "amx_int8")


def facts() -> list[tuple[str, str]]:
    """Name and value, in the order in which they are shown."""
    return [
        ("Processor", f"{cpu_name(_cpuinfo())}, {len(os.sched_getaffinity(0))} cores"),
        ("Instructions", " ".join(telling_flags(_cpuinfo())) or "unknown"),
        ("Memory", f"{psutil.virtual_memory().total / 2**30:.0f} GiB"),
        ("Kernel", f"{platform.system()} {platform.release()}"),
        ("Python", platform.python_version()),
        *((name, _version(name)) for name in PACKAGES),
        ("redis-server", _redis_version()),
    ]


def cpu_name(cpuinfo: str) -> str:
    """The model's name out of ``/proc/cpuinfo``."""
    found = re.search(r"^model name\s*: (.+)$", cpuinfo, re.MULTILINE)
    return " ".join(found[1].split()) if found else platform.machine()


def telling_flags(cpuinfo: str) -> list[str]:
    """Which of the instruction sets that matter here the processor has."""
    found = re.search(r"^flags\s*: (.+)$", cpuinfo, re.MULTILINE)
    flags = found[1].split() if found else []
    return [flag for flag in _TELLING_FLAGS if flag in flags]


def _cpuinfo() -> str:
    path = Path("/proc/cpuinfo")
    return path.read_text() if path.exists() else ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _redis_version() -> str:
    said = subprocess.run(
        [find_binary(), "--version"], capture_output=True, text=True, check=True
    ).stdout
    found = re.search(r"v=(\S+)", said)
    return found[1] if found else said.strip()
