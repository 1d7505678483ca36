"""What this machine has, and what of it models may take."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil

from tasks.fleet import Gpu
from worker.memory import memory_bytes
from worker.node.gpus import Driver
from worker.node.settings import NodeSettings

# Of the machine's memory, where the settings state nothing: the rest is for the system, the queue
# and the files that it keeps in memory.
_SHARE = 0.8

CUDA = "+cuda"
"""Behind an engine's name: a build of it that computes on NVIDIA's GPUs is installed."""

# Engine: its package, and in it the folder and the library that only a build for CUDA has.
_BUILDS = {
    "llama": ("llama_cpp", "lib", "libggml-cuda*"),
    "onnx": ("onnxruntime", "capi", "libonnxruntime_providers_cuda*"),
}


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine as offers see it; ``gpu_fault`` says why it has no GPU."""

    cores: int
    memory_bytes: int
    budget_bytes: int
    engines: frozenset[str]
    gpus: tuple[Gpu, ...] = ()
    gpu_budgets: tuple[tuple[int, int], ...] = ()
    gpu_fault: str = ""


def this_machine(settings: NodeSettings, driver: Driver) -> Machine:
    """This machine, as it is now."""
    memory = memory_bytes()
    budget = settings.stated_budget_bytes
    gpus, gpu_fault = driver.gpus(os.environ.get("CUDA_VISIBLE_DEVICES"))
    share = settings.node_gpu_memory
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=memory,
        budget_bytes=int(memory * _SHARE) if budget is None else budget,
        engines=frozenset(engines()),
        gpus=gpus,
        gpu_budgets=tuple((gpu.index, int(gpu.memory_bytes * share)) for gpu in gpus),
        gpu_fault=gpu_fault,
    )


def resident_bytes(pid: int) -> int:
    """What a process holds in memory with all that it started; 0 when there is none."""
    held = 0
    with contextlib.suppress(psutil.Error):
        held = psutil.Process(pid).memory_info().rss
    return held + sum(resident_bytes(child) for child in _children(pid))


def engines() -> Iterator[str]:
    """The runtimes that can be started here, and those of them that were built for CUDA.

    Looked for without importing them: that would load their libraries into the node.
    """
    yield "echo"
    for engine, (package, folder, library) in _BUILDS.items():
        spec = find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            continue
        yield engine
        root = Path(next(iter(spec.submodule_search_locations)))
        if any((root / folder).glob(library)):
            yield engine + CUDA


def _children(pid: int) -> Iterator[int]:
    """Told by the kernel: to ask every process of the machine for its parent takes far longer."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                yield from map(int, (task / "children").read_text().split())
