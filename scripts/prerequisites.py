"""What must be on the machine before pip can help: Python >= 3.11 with venv, a C++ compiler."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass

from scripts.console import SetupError, say

OLDEST_PYTHON = (3, 11)
COMPILERS = (("g++", "gcc"), ("clang++", "clang"), ("c++", "cc"))  # in order of preference


@dataclass(frozen=True)
class Compiler:
    """The C++ compiler that builds llama.cpp, and the C compiler that goes with it."""

    cxx: str
    cc: str


def check_python() -> None:
    if sys.version_info < OLDEST_PYTHON:
        have = ".".join(map(str, sys.version_info[:3]))
        raise SetupError(
            f"Millrace needs Python 3.11 or newer, and this is {have} ({sys.executable}).\n"
            "Install one and name it: make run PYTHON=python3.12"
        )


def ensure_system_packages() -> None:
    """Install what is missing where that is possible without asking; else say how to."""
    missing = missing_packages()
    if missing:
        apt_install(missing)
        importlib.invalidate_caches()
        if still := missing_packages():
            raise SetupError(f"still missing after the installation: {', '.join(still)}")


def missing_packages() -> list[str]:
    """Debian's names of the packages that provide what is missing."""
    missing = []
    if not importlib.util.find_spec("venv") or not importlib.util.find_spec("ensurepip"):
        # Debian splits ensurepip off; pyenv's and python.org's builds always have it.
        missing.append(f"python3.{sys.version_info.minor}-venv")
    if find_compiler() is None:
        missing.append("g++")
    return missing


def find_compiler() -> Compiler | None:
    """The compiler that the environment names, else the first that is installed."""
    if named := os.environ.get("CXX"):
        return Compiler(named, os.environ.get("CC", "cc"))
    for cxx, cc in COMPILERS:
        if shutil.which(cxx) and shutil.which(cc):
            return Compiler(cxx, cc)
    return None


def apt_install(packages: list[str]) -> None:
    """``apt-get install`` as root, or by sudo when someone can type the password."""
    install = ["apt-get", "install", "-y", "--no-install-recommends", *packages]
    by_hand = f"sudo apt-get update && sudo {' '.join(install)}"
    if not shutil.which("apt-get"):
        names = ", ".join(packages)
        raise SetupError(f"missing: {names} (Debian's names). Install them, then run this again.")
    if os.geteuid() == 0:
        prefix: list[str] = []
    elif shutil.which("sudo") and sys.stdin.isatty():
        prefix = ["sudo"]
    else:
        raise SetupError(f"missing: {', '.join(packages)}. Install with\n\n    {by_hand}")
    say(f"- installing {', '.join(packages)} with apt-get")
    env = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in (["apt-get", "update", "-qq"], install):
        if subprocess.run([*prefix, *command], env=env, check=False).returncode != 0:
            raise SetupError(f"'{' '.join(command)}' failed. By hand:\n\n    {by_hand}")
