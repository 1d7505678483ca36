"""A build for NVIDIA GPUs: ``MILLRACE_BUILD=cuda``; which toolkit, and for which cards.

llama.cpp is compiled with its CUDA backend beside the CPU's, and onnxruntime-gpu takes the place
of onnxruntime, with which it shares its folder. Such a build also runs where there is no GPU and
no driver: without the one part of ggml that links the driver itself (its virtual memory pool) it
can be imported everywhere, and says that it finds no device.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.console import SetupError

BUILDS = ("cpu", "cuda")
TOOLKIT = Path("/usr/local/cuda/bin/nvcc")  # where NVIDIA's own packages put it
# For a machine without a GPU, an image's build for one. What is virtual is finished by the driver
# of the card: so cards that are newer than this list are served too.
ARCHITECTURES = "75-virtual;80-virtual;86-real;89-real;90-virtual"
OWN_CHOICE = "CMAKE_CUDA_ARCHITECTURES"
# Attention over keys and values of one type, whichever a catalog names; ggml's own list lacks
# three, and quantised values that it has no kernel for are refused when the model is loaded.
ATTENTION = ";".join(f"{kv}-{kv}" for kv in ("f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0"))


@dataclass(frozen=True)
class Cuda:
    """The toolkit, and the cards to compile for, in CMake's words; empty where CMAKE_ARGS has them.

    ``version`` is what nvcc says of itself: another toolkit is another wheel.
    """

    nvcc: str
    version: str
    architectures: str

    @property
    def cmake_args(self) -> list[str]:
        """What CMake is told for it."""
        args = ["-DGGML_CUDA=on", "-DGGML_CUDA_NO_VMM=on", f"-DGGML_CUDA_FA_QUANTS={ATTENTION}"]
        args.append(f"-DCMAKE_CUDA_COMPILER={self.nvcc}")
        if self.architectures:
            args.append(f"-D{OWN_CHOICE}={self.architectures}")
        return args


def wanted_build(unsaid: str = "cpu") -> str:
    """What the environment asks for."""
    build = os.environ.get("MILLRACE_BUILD") or unsaid
    if build not in BUILDS:
        raise SetupError(f"MILLRACE_BUILD must be {' or '.join(BUILDS)}, not {build!r}")
    return build


def find_cuda() -> Cuda | None:
    """The toolkit for a build with CUDA; None where none is asked for."""
    if wanted_build() == "cpu":
        return None
    nvcc = os.environ.get("CUDACXX") or shutil.which("nvcc") or str(TOOLKIT)
    version = _output(nvcc, "--version")
    if version is None:
        raise SetupError(
            "MILLRACE_BUILD=cuda needs NVIDIA's CUDA toolkit, and there is no nvcc. Install the\n"
            "toolkit of your driver's version, or name its compiler: CUDACXX=/path/to/nvcc"
        )
    return Cuda(nvcc, version, _architectures())


def has_gpu() -> bool:
    """Whether the driver shows a GPU here."""
    return bool(_capabilities())


def _architectures() -> str:
    if OWN_CHOICE in os.environ.get("CMAKE_ARGS", ""):
        return ""
    return os.environ.get("CUDAARCHS") or ";".join(_capabilities()) or ARCHITECTURES


def _capabilities() -> list[str]:
    """The kinds of cards of this machine, each once: 8.9 is 89 to CMake."""
    told = _output("nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader") or ""
    return sorted({f"{major}{minor}" for major, minor in re.findall(r"^(\d+)\.(\d+)$", told, re.M)})


def _output(*command: str) -> str | None:
    try:
        ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return ran.stdout.strip() if ran.returncode == 0 else None
