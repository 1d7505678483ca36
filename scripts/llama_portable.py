"""llama.cpp for CPUs that nobody has seen yet: one build, chosen from when it is loaded.

For an image, which is built on one machine and run on others. ggml's part for CPUs is compiled
once for each of ``VARIANTS``, as a library of its own; the process that loads a model takes the
best that its CPU can run (``worker/runtimes/llama/library.py``). Nothing but these few libraries
differs from the build for one machine.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from scripts.llama_build import STORES_KEPT, Machine, Tier
from scripts.llama_variant_smoke import CANNOT_RUN_HERE

HOOK = Path(__file__).resolve().parent / "llama_portable.cmake"
SMOKE = HOOK.with_name("llama_variant_smoke.py")
# Of ggml's fourteen, those between which a decode step differs: any x86-64, AVX2, AVX2 with VNNI,
# AVX-512, the same with VNNI, and with AMX. Worst first, as ggml scores them.
VARIANTS = ("x64", "haswell", "alderlake", "skylakex", "icelake", "sapphirerapids")
# They would double the time to compile, for CPUs that lose little with the next lower one.
LEFT_OUT = (
    *("sse42", "sandybridge", "ivybridge", "piledriver"),
    *("cannonlake", "cascadelake", "cooperlake", "zen4"),
)
# Where Python's bindings look; by itself ggml installs such libraries among the programs.
FOLDER = "llama_cpp/lib"
_ARGUMENTS = (
    "-DGGML_NATIVE=OFF",
    "-DGGML_BACKEND_DL=ON",
    "-DGGML_CPU_ALL_VARIANTS=ON",
    f"-DCMAKE_INSTALL_BINDIR={FOLDER}",
    f"-DCMAKE_PROJECT_ggml_INCLUDE={HOOK}",
    f"-DMILLRACE_LEFT_OUT={';'.join(LEFT_OUT)}",
)
SMOKE_TIMEOUT_S = 300


def tier(machine: Machine) -> Tier:
    """The build. Every GCC compiles the variant with AMX, whatever the CPU it runs on."""
    flags = STORES_KEPT.cxx_flags if machine.is_gcc else ()
    return Tier("portable, chosen at run time", flags, _ARGUMENTS)


def prove(python: Path) -> tuple[dict[str, str], list[str]]:
    """What each variant computed, as a sentence; and what is wrong with those that failed.

    A variant that this CPU cannot run is said so: it is proved where it can.
    """
    said: dict[str, str] = {}
    wrong: list[str] = []
    for name in VARIANTS:
        command = [str(python), str(SMOKE), name]
        try:
            ran = subprocess.run(
                command, capture_output=True, text=True, timeout=SMOKE_TIMEOUT_S, check=False
            )
        except subprocess.TimeoutExpired:
            wrong.append(f"{name}: no result within {SMOKE_TIMEOUT_S} s")
            continue
        words = (ran.stdout.strip() or ran.stderr.strip() or "no output").splitlines()[-1]
        if ran.returncode not in (0, CANNOT_RUN_HERE):
            wrong.append(f"{name}: status {ran.returncode}, {words}")
        else:
            said[name] = words
    return said, wrong
