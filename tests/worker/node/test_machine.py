"""What the machine has: its GPUs, its builds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from worker.node import machine
from worker.node.gpus import Driver
from worker.node.settings import NodeSettings

MIB = 1 << 20


@pytest.mark.parametrize(("stated", "expected"), [("3gb", 3 << 30), ("512mb", 512 * MIB)])
def test_a_stated_budget_is_the_budget(stated: str, expected: int) -> None:
    """Whatever the machine has."""
    assert machine.this_machine(NodeSettings(node_memory=stated), Driver()).budget_bytes == expected


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_builds_for_cuda_are_told_by_their_libraries(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is imported for it: these packages have no code."""
    write(tmp_path / "llama_cpp/lib/libggml-cuda.so", "")
    write(tmp_path / "onnxruntime/capi/libonnxruntime_providers_shared.so", "")
    for package in ("llama_cpp", "onnxruntime"):
        write(tmp_path / package / "__init__.py", "raise SystemExit('imported')")
        monkeypatch.delitem(sys.modules, package, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert set(machine.engines()) == {"echo", "llama", "llama+cuda", "onnx"}


def test_what_a_process_holds_includes_what_it_started() -> None:
    """And a process that is gone holds nothing."""
    code = f"held = b'x' * {64 * MIB}; print(flush=True); input()"
    with subprocess.Popen(
        ["/bin/sh", "-c", '"$@"; :', "sh", sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as shell:
        assert shell.stdout is not None
        shell.stdout.readline()
        assert machine.resident_bytes(shell.pid) > 64 * MIB
        shell.communicate(b"\n")
    assert machine.resident_bytes(shell.pid) == 0


class DriverFault(Exception):
    """Stands in for what NVML raises."""


def driver(names: list[str], fault: Exception | None = None) -> ModuleType:
    """A stand-in for NVML: there is no GPU where these tests run."""

    def init() -> None:
        if fault is not None:
            raise fault

    module = ModuleType("pynvml")
    module.__dict__.update(
        NVMLError_LibraryNotFound=DriverFault,
        nvmlInit=init,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetCount=lambda: len(names),
        nvmlDeviceGetHandleByIndex=lambda index: index,
        nvmlDeviceGetName=lambda index: names[index].encode(),
        nvmlDeviceGetUUID=lambda index: f"GPU-{names[index]}",
        nvmlDeviceGetMemoryInfo=lambda _: SimpleNamespace(total=8 << 30, free=6 << 30),
    )
    return module


@pytest.mark.parametrize(
    ("visible", "expected"),
    [
        (None, [(0, "a"), (1, "b"), (2, "c")]),
        ("2,0", [(0, "c"), (1, "a")]),
        ("GPU-b", [(0, "b")]),
        ("0,9,1", [(0, "a")]),
        ("", []),
    ],
)
def test_gpus_are_those_that_cuda_would_see(
    visible: str | None, expected: list[tuple[int, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In its numbering, by CUDA_VISIBLE_DEVICES of the node."""
    monkeypatch.setitem(sys.modules, "pynvml", driver(["a", "b", "c"]))
    gpus, reason = Driver().gpus(visible)
    assert [(gpu.index, gpu.name) for gpu in gpus] == expected
    assert bool(reason) == (not expected)
    assert all((gpu.memory_bytes, gpu.free_bytes) == (8 << 30, 6 << 30) for gpu in gpus)


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (driver([], DriverFault()), "no NVIDIA driver found"),
        (driver([], RuntimeError("Unknown Error")), "its NVIDIA driver says: Unknown Error"),
        (driver([]), "its driver has none"),
        (None, "the package nvidia-ml-py is not installed"),
    ],
)
def test_a_driver_that_does_not_answer_means_no_gpu(
    module: ModuleType | None, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And says which of the things it is."""
    monkeypatch.setitem(sys.modules, "pynvml", module)
    assert Driver().gpus(None) == ((), reason)


def test_a_driver_is_opened_once_and_again_after_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be loaded anew while the node runs; until then every look would take its time."""
    module = driver(["a"])
    opened: list[str] = []
    module.__dict__["nvmlInit"] = lambda: opened.append("opened")
    monkeypatch.setitem(sys.modules, "pynvml", module)
    found = Driver()
    assert [len(found.gpus(None)[0]) for _ in range(3)] == [1, 1, 1]
    assert len(opened) == 1
    with monkeypatch.context() as broken:
        broken.setitem(module.__dict__, "nvmlDeviceGetName", {}.__getitem__)
        assert found.gpus(None)[0] == ()
    assert len(found.gpus(None)[0]) == 1
    assert len(opened) == 2
