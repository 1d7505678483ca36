"""A build for NVIDIA GPUs: which toolkit, for which cards, and one ONNX Runtime at a time."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from scripts import cuda_build, install
from scripts.console import SetupError
from scripts.cuda_build import ARCHITECTURES, Cuda, find_cuda
from scripts.llama_build import PLAIN, STORES_KEPT, Machine, cmake_args, wheel_folder
from scripts.prerequisites import Compiler
from tasks.model import KvType

ROOT = Path(__file__).resolve().parents[2]
CUDA = Cuda("/opt/nvcc", "release 13.0, V13.0.88", "90")
HERE = Machine("x86_64", "flags : avx2", "glibc 2.36", Compiler("c", "d"), "#define __GNUC__ 12\n")


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache of its own, a program for nvcc, and none of the machine's variables."""
    for name in ("CMAKE_ARGS", "CUDAARCHS", "MILLRACE_BUILD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    program(tmp_path / "nvcc", "release 13.0, V13.0.88")
    monkeypatch.setenv("CUDACXX", str(tmp_path / "nvcc"))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    program(tmp_path / "nvidia-smi", "")
    return tmp_path


def program(path: Path, output: str) -> None:
    """Something to run that prints this."""
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{output}\nEND\n")
    path.chmod(0o755)


def asked_for(monkeypatch: pytest.MonkeyPatch) -> Cuda:
    """What is found when a build with CUDA is asked for."""
    monkeypatch.setenv("MILLRACE_BUILD", "cuda")
    found = find_cuda()
    assert found is not None
    return found


def test_no_gpu_is_built_for_unless_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A toolkit that lies there changes nothing; a build of another name is refused."""
    assert find_cuda() is None
    assert cmake_args(STORES_KEPT) == ["-DCMAKE_CXX_FLAGS=-fno-tree-dse -fno-dse"]
    monkeypatch.setenv("MILLRACE_BUILD", "rocm")
    with pytest.raises(SetupError, match="cpu or cuda, not 'rocm'"):
        find_cuda()


def test_a_missing_toolkit_is_a_sentence(
    environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without nvcc there is nothing to compile with."""
    monkeypatch.setenv("CUDACXX", str(environment / "none"))
    monkeypatch.setenv("MILLRACE_BUILD", "cuda")
    with pytest.raises(SetupError, match="CUDACXX=/path/to/nvcc"):
        find_cuda()


@pytest.mark.parametrize(
    ("cards", "named", "expected"),
    [
        ("9.0\n8.9\n9.0", None, "89;90"),
        ("12.0", None, "120"),
        ("", None, ARCHITECTURES),
        ("NVIDIA-SMI has failed", None, ARCHITECTURES),
        ("9.0", "86", "86"),
    ],
)
def test_it_is_compiled_for_the_cards_that_are_there(
    cards: str, named: str | None, expected: str, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each kind once; where none is seen for those of the list, unless CUDAARCHS names some."""
    program(environment / "nvidia-smi", cards)
    if named:
        monkeypatch.setenv("CUDAARCHS", named)
    assert asked_for(monkeypatch).architectures == expected


def test_arguments_of_the_user_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cards that CMAKE_ARGS names are named once, there."""
    monkeypatch.setenv("CMAKE_ARGS", "-DCMAKE_CUDA_ARCHITECTURES=61")
    args = cmake_args(PLAIN, asked_for(monkeypatch))
    assert [each for each in args if "ARCHITECTURES" in each] == ["-DCMAKE_CUDA_ARCHITECTURES=61"]
    assert "-DGGML_CUDA=on" in args


def test_a_build_can_be_imported_where_there_is_no_driver() -> None:
    """The part of ggml that links the driver is left out."""
    assert "-DGGML_CUDA_NO_VMM=on" in CUDA.cmake_args


def test_attention_is_compiled_for_every_type_of_the_catalog() -> None:
    """But 32-bit floats, which need none of it."""
    assert set(re.findall(r"(\w+)-\1", cuda_build.ATTENTION)) == set(get_args(KvType)) - {"f32"}


def test_another_toolkit_or_card_is_another_wheel() -> None:
    """And none of them is the wheel of a build without CUDA."""
    machines = [
        HERE,
        replace(HERE, cuda=CUDA),
        replace(HERE, cuda=replace(CUDA, version="release 12.8")),
        replace(HERE, cuda=replace(CUDA, architectures="86")),
    ]
    assert len({wheel_folder("1", PLAIN, machine) for machine in machines}) == len(machines)


def test_the_gpus_onnx_runtime_takes_the_place_of_the_cpus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line of the requirements is another, with the libraries that it needs."""
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setenv("MILLRACE_BUILD", "cpu")
    base = install.base_requirements().read_text().splitlines()
    monkeypatch.setenv("MILLRACE_BUILD", "cuda")
    gpu = install.base_requirements().read_text().splitlines()
    changed = [(a, b) for a, b in zip(base, gpu, strict=True) if a != b]
    assert changed == [("onnxruntime", "onnxruntime-gpu[cuda,cudnn]")]


@pytest.mark.parametrize(
    ("there", "wanted", "removes"),
    [
        ("onnxruntime", "cpu", False),
        ("onnxruntime", "cuda", True),
        ("onnxruntime_gpu", "cuda", False),
        ("onnxruntime_gpu", "cpu", True),
        (None, "cuda", False),
    ],
)
def test_both_are_removed_before_the_other_comes(
    there: str | None, wanted: str, removes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They share their files: what is left of one after the other was removed does not work."""
    if there:
        record = f"lib/python3.11/site-packages/{there}-1.31.1.dist-info"
        (tmp_path / record).mkdir(parents=True)
    ran: list[list[str]] = []
    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "must_run", lambda command, *_: ran.append(command))
    monkeypatch.setenv("MILLRACE_BUILD", wanted)
    install.remove_other_onnx()
    assert [command[-2:] for command in ran] == removes * [["onnxruntime", "onnxruntime-gpu"]]


def test_what_was_built_for_a_gpu_stays_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next ``make run`` needs no variable, and one that says cpu is heard."""
    monkeypatch.setattr(install, "STAMP", tmp_path / "stamp.json")
    assert install.build() == "cpu"
    (tmp_path / "stamp.json").write_text('{"build": "cuda"}')
    assert install.build() == "cuda"
    monkeypatch.setenv("MILLRACE_BUILD", "cpu")
    assert install.build() == "cpu"
