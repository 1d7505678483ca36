"""How llama-cpp-python is built here: flags by compiler and CPU, safer tiers, a wheel cache.

There is no ready-made wheel that Debian 12 can load, so it is compiled on first use. pip's own
wheel cache ignores ``CMAKE_ARGS``: it would hand back a wheel built with other flags, or for
another CPU, without a word. Hence a cache of our own, keyed by everything that matters.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scripts.console import Progress, SetupError, run_logged, tail
from scripts.cuda_build import Cuda, find_cuda
from scripts.prerequisites import Compiler

SLIM = Path(__file__).resolve().parent / "llama_slim.cmake"
ATTENTION = SLIM.with_name("llama_attention.h")  # SLIM puts it into ggml
NINJA_STEP = re.compile(r"^\s*\[(\d+)/(\d+)\]")


@dataclass(frozen=True)
class Tier:
    """One way to build; later tiers give up speed for safety."""

    name: str
    cxx_flags: tuple[str, ...] = ()
    cmake_args: tuple[str, ...] = ()


PLAIN = Tier("plain")
# GCC 12.2 drops the stores that fill the AMX tile configuration: every model call ends in
# SIGSEGV. Which other versions do is unknown, so every GCC that emits AMX gets these flags.
# They go to C++ alone, where that code is; C keeps its speed.
STORES_KEPT = Tier("stores-kept", ("-fno-tree-dse", "-fno-dse"))
NO_AMX = Tier("no-amx", ("-mno-amx-tile", "-mno-amx-int8", "-mno-amx-bf16"))
PORTABLE = Tier("portable", cmake_args=("-DGGML_NATIVE=OFF",))
# What GGML_NATIVE=OFF takes for granted, and a CPU from before 2013 lacks.
HASWELL = ("SSE42", "AVX", "AVX2", "BMI2", "FMA", "F16C")
BASELINE = Tier("baseline", cmake_args=("-DGGML_NATIVE=OFF", *(f"-DGGML_{x}=OFF" for x in HASWELL)))


@dataclass(frozen=True)
class Machine:
    """What decides about flags, and what a finished wheel is good for."""

    arch: str
    cpu_flags: str
    libc: str
    compiler: Compiler
    macros: str  # everything that the compiler predefines for this very CPU, its version included
    cuda: Cuda | None = None

    @classmethod
    def here(cls, compiler: Compiler) -> Machine:
        libc = " ".join(platform.libc_ver())
        arch = platform.machine()
        return cls(arch, cpu_flags(), libc, compiler, macros(compiler), find_cuda())

    @property
    def is_gcc(self) -> bool:
        return "__GNUC__" in self.macros and "__clang__" not in self.macros

    @property
    def emits_amx(self) -> bool:
        return "__AMX_INT8__" in self.macros

    def tiers(self) -> list[Tier]:
        """The builds to try, fastest first; each next one only if the smoke test fails."""
        tiers = [STORES_KEPT if self.is_gcc and self.emits_amx else PLAIN]
        if self.emits_amx:
            tiers.append(NO_AMX)
        old_x86 = self.arch == "x86_64" and " avx2" not in self.cpu_flags
        return [*tiers, BASELINE if old_x86 else PORTABLE]


def cpu_flags() -> str:
    """The CPU's instruction sets as Linux lists them, empty elsewhere."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return ""
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def macros(compiler: Compiler) -> str:
    """The compiler itself knows best what it would emit for this CPU: ask it."""
    ask = ("-dM", "-E", "-x", "c++", os.devnull)
    for native in (("-march=native",), ()):  # some compilers for ARM do not know `native`
        command = [compiler.cxx, *native, *ask]
        answer = subprocess.run(command, capture_output=True, text=True, check=False)
        if answer.returncode == 0:
            return answer.stdout
    raise SetupError(f"the compiler {compiler.cxx} does not work:\n{answer.stderr}")


def cached_wheel(version: str, tier: Tier, machine: Machine) -> Path | None:
    return next(wheel_folder(version, tier, machine).glob("*.whl"), None)


def wheel_folder(version: str, tier: Tier, machine: Machine) -> Path:
    """Where the wheel lies that was built like this, on a machine like this."""
    facts = vars(machine) | {"compiler": vars(machine.compiler)}
    cuda = facts.pop("cuda")
    parts: list[Any] = [version, cmake_args(tier, cuda), facts]
    if cuda is not None:
        parts.append(cuda.version)
    text = json.dumps([*parts, SLIM.read_text(), ATTENTION.read_text()], sort_keys=True)
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "millrace" / "wheels" / hashlib.sha256(text.encode()).hexdigest()[:24]


def cmake_args(tier: Tier, cuda: Cuda | None = None) -> list[str]:
    """The tier's arguments, those for a GPU, then those of the user's ``CMAKE_ARGS``."""
    flags = [f"-DCMAKE_CXX_FLAGS={' '.join(tier.cxx_flags)}"] if tier.cxx_flags else []
    gpu = cuda.cmake_args if cuda else []
    return [*flags, *tier.cmake_args, *gpu, *shlex.split(os.environ.get("CMAKE_ARGS", ""))]


def build_wheel(python: Path, version: str, tier: Tier, machine: Machine, log: Path) -> Path:
    """Compile, and put the wheel into the cache in one move."""
    folder = wheel_folder(version, tier, machine)
    folder.parent.mkdir(parents=True, exist_ok=True)
    arguments = [*cmake_args(tier, machine.cuda), f"-DCMAKE_PROJECT_llama.cpp_INCLUDE={SLIM}"]
    env = os.environ | {
        "CMAKE_ARGS": shlex.join(arguments),
        "CC": machine.compiler.cc,
        "CXX": machine.compiler.cxx,
    }
    progress = Progress("compiled")
    with tempfile.TemporaryDirectory(prefix="building-", dir=folder.parent) as place:
        command: list[str | Path] = [python, "-m", "pip", "wheel", "-v", "--no-cache-dir"]
        command += ["--no-deps", "--no-binary", "llama-cpp-python", "-w", place]
        command.append(f"llama-cpp-python=={version}")

        def follow(line: str) -> None:
            for done, total in ninja_steps(line):
                progress.show(done, total)

        if run_logged(command, log, env=env, on_line=follow) != 0:
            raise SetupError(f"compiling llama.cpp failed. The end of {log}:\n\n{tail(log)}")
        wheel = next(Path(place).glob("*.whl"))
        folder.mkdir(exist_ok=True)
        return wheel.replace(folder / wheel.name)


def ninja_steps(line: str) -> Iterator[tuple[int, int]]:
    if match := NINJA_STEP.match(line):
        yield int(match[1]), int(match[2])
