"""Whether this node can serve a model, on which devices, and with how much memory: pure.

The figures are estimates for planning, a little above what was measured: a worker of the echo
runtime has 84 MiB, one of SmolLM2-135M with 8 slots of 2048 tokens 686 MiB (697 are estimated),
one of MiniLM after many long texts 436 MiB (444).
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.fleet import Offer, Seat
from tasks.model import Model
from worker.node.machine import CUDA, Machine
from worker.node.reading import FileFacts
from worker.runtimes.cache_types import in_type

_MIB = 1 << 20
_GIB = 1 << 30

ECHO_BYTES = 90 * _MIB
LLAMA_BYTES = 150 * _MIB
ONNX_BYTES = 400 * _MIB
"""With what it computes in: at its longest inputs it keeps that for good."""
GPU_HOST_BYTES = 400 * _MIB
"""What a worker has beside its GPU's memory."""
CUDA_BYTES = 400 * _MIB
"""What a process holds of a GPU before it computes."""
UNKNOWN_BYTES = _GIB
"""Of a model that has to be fetched first, and whose definition does not say ``memory_mb``."""

_PACKAGES = {"llama": ("llama.cpp", "llama-cpp-python"), "onnx": ("onnxruntime", "onnxruntime")}


@dataclass(frozen=True, slots=True)
class _Need:
    """What a model takes wherever it runs: ``parts`` move to a GPU with its layers."""

    parts_bytes: int
    computing_bytes: int
    process_bytes: int


def offer(model: Model, files: FileFacts, machine: Machine) -> Offer:
    """The seats that ``model`` could have on ``machine``, the best first, or why it has none."""
    fault = files.fault or _engine_fault(model, machine)
    if fault:
        return Offer(model.fingerprint, reason=fault)
    devices, fault = _devices(model, machine)
    seats = [seat(model, files, device) for device in devices]
    faults = [_room_fault(each, machine) for each in seats]
    fitting = tuple(each for each, fault in zip(seats, faults, strict=True) if not fault)
    reason = "" if fitting else fault or "; ".join(dict.fromkeys(faults))
    return Offer(model.fingerprint, fitting, reason)


def seat(model: Model, files: FileFacts, device: str) -> Seat:
    """What ``model`` takes on ``device``."""
    stated = model.memory_mb * _MIB if model.memory_mb else None
    need = _need(model, files)
    if device == "cpu":
        estimate = need.process_bytes + need.parts_bytes + need.computing_bytes
        return Seat(device, estimate if stated is None else stated)
    if model.engine == "echo":
        return Seat(device, need.process_bytes if stated is None else stated)
    on_gpu, beside = _shares(model, files)
    if stated is not None:
        return Seat(device, GPU_HOST_BYTES, stated)
    return Seat(
        device,
        GPU_HOST_BYTES + int(need.parts_bytes * beside),
        CUDA_BYTES + int(need.parts_bytes * on_gpu) + need.computing_bytes,
    )


def size(count: int) -> str:
    """Bytes as people say them."""
    return f"{count / _GIB:.1f} GiB" if count >= _GIB else f"{count // _MIB} MiB"


def _need(model: Model, files: FileFacts) -> _Need:
    if model.engine == "echo":
        return _Need(0, 0, ECHO_BYTES)
    if not files.is_here:
        return _Need(UNKNOWN_BYTES, 0, 0)
    if model.engine == "onnx":
        # Its weights are there as the file has them, and as the library has arranged them.
        return _Need(2 * files.weights_bytes, 0, ONNX_BYTES)
    per_token = in_type(files.kv_bytes_per_token, model.kv_type)
    cache = model.slots * model.context * per_token
    return _Need(files.weights_bytes + cache, _computing_bytes(files), LLAMA_BYTES)


def _computing_bytes(files: FileFacts) -> int:
    """What llama.cpp keeps for a batch: it grows with the layers' width, so with the weights."""
    pictures = files.projector_bytes + 128 * _MIB if files.projector_bytes else 0
    return 64 * _MIB + 512 * files.vocabulary + files.weights_bytes // 20 + pictures


def _shares(model: Model, files: FileFacts) -> tuple[float, float]:
    """Which shares of weights and cache lie on the GPU, and beside it."""
    if model.engine != "llama" or model.n_gpu_layers < 0:
        return 1.0, 0.0
    if not files.layers:
        return 1.0, 1.0  # nobody can tell: enough for either
    # One more than there are layers: what comes after the last of them counts as one.
    on_gpu = min(1.0, model.n_gpu_layers / (files.layers + 1))
    return on_gpu, 1.0 - on_gpu


def _engine_fault(model: Model, machine: Machine) -> str:
    if model.engine in machine.engines:
        return ""
    return f"{_PACKAGES[model.engine][1]} is not installed on this node"


def _devices(model: Model, machine: Machine) -> tuple[list[str], str]:
    """Where the model may run here, the best first; the reason where that is nowhere."""
    if model.device == "cpu":
        return ["cpu"], ""
    fault = _cuda_fault(model, machine)
    gpus = [] if fault else [f"cuda:{gpu.index}" for gpu in machine.gpus]
    if model.device == "any":
        return [*gpus, "cpu"], ""
    if model.device == "cuda" or fault:
        return gpus, fault
    if model.device not in gpus:
        return [], f"device is {model.device!r} and this node has {', '.join(gpus)}"
    return [model.device], ""


def _cuda_fault(model: Model, machine: Machine) -> str:
    if not machine.gpus:
        return f"device is {model.device!r} and this node has no GPU ({machine.gpu_fault})"
    if model.engine != "echo" and model.engine + CUDA not in machine.engines:
        return f"this node's {_PACKAGES[model.engine][0]} is built without CUDA"
    return ""


def _room_fault(wanted: Seat, machine: Machine) -> str:
    if wanted.host_bytes > machine.budget_bytes:
        return (
            f"needs {size(wanted.host_bytes)} and this node may use "
            f"{size(machine.budget_bytes)} in all"
        )
    budgets = {f"cuda:{index}": budget for index, budget in machine.gpu_budgets}
    if wanted.gpu_bytes > budgets.get(wanted.device, 0):
        return (
            f"needs {size(wanted.gpu_bytes)} on {wanted.device} and this node may use "
            f"{size(budgets.get(wanted.device, 0))} of it in all"
        )
    return ""
