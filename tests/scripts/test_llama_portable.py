"""The build for CPUs that nobody has seen: which variants, with which flags, and what proves it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from scripts import llama_portable
from scripts.llama_build import Machine, cmake_args
from scripts.llama_portable import HOOK, LEFT_OUT, VARIANTS
from scripts.prerequisites import Compiler

GCC = "#define __GNUC__ 12\n"
HERE = Machine("x86_64", "flags : fpu avx avx2", "glibc 2.36", Compiler("c++", "cc"), GCC)
CALL = "        ggml_add_cpu_backend_variant({:<18} SSE42 AVX)\n"
SOURCE = "if (X)\n" + "".join(map(CALL.format, (*VARIANTS[1:], *LEFT_OUT))) + "endif()\n"


def hook(tree: Path) -> str:
    """What CMake says when it includes the hook for this tree."""
    names = ";".join(LEFT_OUT)
    script = tree / "hook.cmake"
    script.write_text(
        f'set(CMAKE_CURRENT_SOURCE_DIR "{tree}")\nset(MILLRACE_LEFT_OUT "{names}")\n'
        f'include("{HOOK}")\n'
    )
    run = subprocess.run(["cmake", "-P", script], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout + run.stderr


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    file = tmp_path / "src" / "CMakeLists.txt"
    file.parent.mkdir()
    file.write_text(SOURCE)
    return file


def test_variants_are_left_out_of_the_list(tmp_path: Path, lists: Path) -> None:
    """Those that are wanted stay, and everything else of the file."""
    assert "another ggml" not in hook(tmp_path)
    for name in LEFT_OUT:
        assert name not in lists.read_text()
    for name in VARIANTS[1:]:
        assert CALL.format(name) in lists.read_text()


def test_another_ggml_is_built_whole(tmp_path: Path, lists: Path) -> None:
    """A list that is not as expected is a warning: more is compiled, and nothing is missing."""
    lists.write_text("ggml_add_cpu_backend_variant(generic SSE42)\n")
    assert "another ggml than expected" in hook(tmp_path)
    assert lists.read_text() == "ggml_add_cpu_backend_variant(generic SSE42)\n"


def test_gcc_keeps_its_stores_whatever_the_cpu() -> None:
    """One of the variants has AMX, also where the build's own CPU has none."""
    arguments = cmake_args(llama_portable.tier(HERE))
    assert "-DCMAKE_CXX_FLAGS=-fno-tree-dse -fno-dse" in arguments
    assert "-DGGML_BACKEND_DL=ON" in arguments
    assert "-DGGML_NATIVE=OFF" in arguments


def test_a_variant_that_fails_is_told_apart_from_one_that_cannot_run_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash and a wrong result are faults; a CPU that lacks the instructions is none."""
    smoke = tmp_path / "smoke.py"
    smoke.write_text(
        "import os, sys\n"
        "name = sys.argv[1]\n"
        "if name == 'sapphirerapids': print('not for this CPU'); sys.exit(4)\n"
        "if name == 'haswell': os.kill(os.getpid(), 11)\n"
        "if name == 'icelake': print('differs'); sys.exit(1)\n"
        "print('fine')\n"
    )
    monkeypatch.setattr(llama_portable, "SMOKE", smoke)
    said, wrong = llama_portable.prove(Path(sys.executable))
    assert said["x64"] == "fine"
    assert said["sapphirerapids"] == "not for this CPU"
    assert wrong == ["haswell: status -11, no output", "icelake: status 1, differs"]
