"""Offers: facts in, seats or a reason out; on machines that are made up."""

from __future__ import annotations

from typing import Any

import pytest

from tasks.fleet import Gpu
from tasks.model import Model
from worker.node.machine import Machine
from worker.node.offers import CUDA_BYTES, ECHO_BYTES, GPU_HOST_BYTES, UNKNOWN_BYTES, offer, seat
from worker.node.reading import FileFacts

MIB = 1 << 20
GIB = 1 << 30

SMOLLM = FileFacts(
    weights_bytes=98_362_432, kv_bytes_per_token=23_040, layers=30, vocabulary=49_152
)
MINILM = FileFacts(weights_bytes=22_928_619)
EIGHT_B = FileFacts(
    weights_bytes=5 * GIB, kv_bytes_per_token=131_072, layers=32, vocabulary=128_256
)

ALL = frozenset({"echo", "llama", "llama+cuda", "onnx", "onnx+cuda"})
CPU_BUILDS = frozenset({"echo", "llama", "onnx"})


def chat(**facts: Any) -> Model:
    return Model(**{"name": "m", "kind": "chat", "source": "path:m.gguf", **facts})


def machine(
    gpus_gib: tuple[int, ...] = (), engines: frozenset[str] = ALL, budget: int = 16 * GIB
) -> Machine:
    """A machine with GPUs of so many GiB, of which models may take nine tenths."""
    found = tuple(Gpu(i, "made up", size * GIB, size * GIB) for i, size in enumerate(gpus_gib))
    return Machine(
        cores=4,
        memory_bytes=2 * budget,
        budget_bytes=budget,
        engines=engines,
        gpus=found,
        gpu_budgets=tuple((gpu.index, int(gpu.memory_bytes * 0.9)) for gpu in found),
        gpu_fault="" if found else "no NVIDIA driver found",
    )


def devices(model: Model, here: Machine, files: FileFacts = SMOLLM) -> list[str]:
    return [each.device for each in offer(model, files, here).seats]


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("cpu", ["cpu"]),
        ("cuda", ["cuda:0", "cuda:1"]),
        ("cuda:1", ["cuda:1"]),
        ("any", ["cuda:0", "cuda:1", "cpu"]),
    ],
)
def test_the_definition_says_which_devices(device: str, expected: list[str]) -> None:
    """A GPU comes before the cpu where both will do."""
    assert devices(chat(device=device), machine((24, 24))) == expected


@pytest.mark.parametrize(
    ("model", "here", "reason"),
    [
        (
            chat(device="cuda"),
            machine(),
            "device is 'cuda' and this node has no GPU (no NVIDIA driver found)",
        ),
        (
            chat(device="cuda:2"),
            machine((24, 24)),
            "device is 'cuda:2' and this node has cuda:0, cuda:1",
        ),
        (
            chat(device="cuda"),
            machine((24,), CPU_BUILDS),
            "this node's llama.cpp is built without CUDA",
        ),
        (
            chat(kind="embed", source="path:m.onnx", device="cuda:0"),
            machine((24,), CPU_BUILDS),
            "this node's onnxruntime is built without CUDA",
        ),
        (
            chat(),
            machine(engines=frozenset({"echo"})),
            "llama-cpp-python is not installed on this node",
        ),
    ],
)
def test_a_node_says_why_it_cannot(model: Model, here: Machine, reason: str) -> None:
    """In a sentence that an administrator can act on."""
    made = offer(model, SMOLLM, here)
    assert made.seats == ()
    assert made.reason == reason


@pytest.mark.parametrize("here", [machine(), machine((24,), CPU_BUILDS)])
def test_any_device_falls_back_to_the_cpu(here: Machine) -> None:
    """Without a GPU, and without a build for it."""
    made = offer(chat(device="any"), SMOLLM, here)
    assert [each.device for each in made.seats] == ["cpu"]
    assert made.reason == ""


def test_what_is_too_large_for_all_that_models_may_take_is_refused() -> None:
    """With both figures."""
    made = offer(chat(), EIGHT_B, machine(budget=2 * GIB))
    assert made.seats == ()
    assert made.reason.startswith("needs 7.")
    assert made.reason.endswith(" GiB and this node may use 2.0 GiB in all")


def test_only_gpus_with_room_are_offered() -> None:
    """The others not, and the cpu only where the definition lets it."""
    assert devices(chat(device="any"), machine((4, 24)), EIGHT_B) == ["cuda:1", "cpu"]
    made = offer(chat(device="cuda"), EIGHT_B, machine((4, 4)))
    assert made.seats == ()
    assert "on cuda:0 and this node may use 3.6 GiB of it in all" in made.reason


@pytest.mark.parametrize(
    ("model", "files", "measured_mib"),
    [
        (chat(source="echo:"), FileFacts(), 84),
        (chat(), SMOLLM, 686),
        (chat(kind="embed", source="path:m.onnx"), MINILM, 436),
    ],
)
def test_estimates_are_a_little_above_what_was_measured(
    model: Model, files: FileFacts, measured_mib: int
) -> None:
    """Workers of the default catalog, after long work."""
    estimate_mib = seat(model, files, "cpu").host_bytes / MIB
    assert measured_mib < estimate_mib < 1.1 * measured_mib


def test_the_type_of_keys_and_values_counts() -> None:
    """With q8_0 the cache has 34 bytes where f16 has 64."""
    wide, narrow = seat(chat(), SMOLLM, "cpu"), seat(chat(kv_type="q8_0"), SMOLLM, "cpu")
    cache = 8 * 2048 * 23_040
    assert wide.host_bytes - narrow.host_bytes == cache - cache * 34 // 64


def test_layers_that_stay_beside_the_gpu_are_counted_there() -> None:
    """Half of them on each side; with all on it, only the process itself is beside it."""
    whole = seat(chat(n_gpu_layers=-1), EIGHT_B, "cuda:0")
    none = seat(chat(n_gpu_layers=0), EIGHT_B, "cuda:0")
    some = seat(chat(n_gpu_layers=11), EIGHT_B, "cuda:0")
    assert whole.host_bytes == GPU_HOST_BYTES
    assert whole.gpu_bytes > CUDA_BYTES + 5 * GIB + 2 * GIB
    assert none.host_bytes > 7 * GIB
    assert some.gpu_bytes - none.gpu_bytes == pytest.approx(7 * GIB / 3, abs=2)
    assert some.host_bytes + some.gpu_bytes == pytest.approx(
        whole.host_bytes + whole.gpu_bytes, abs=2
    )


def test_a_projector_takes_its_own_room() -> None:
    """A model that sees needs more than one that does not."""
    sees = FileFacts(weights_bytes=98_362_432, projector_bytes=200 * MIB)
    blind = FileFacts(weights_bytes=98_362_432)
    model = chat(kind="multimodal", mmproj="path:p.gguf")
    more = seat(model, sees, "cpu").host_bytes - seat(model, blind, "cpu").host_bytes
    assert more >= 200 * MIB


@pytest.mark.parametrize("device", ["cpu", "cuda:0"])
def test_a_stated_need_takes_the_place_of_the_estimate(device: str) -> None:
    """``memory_mb`` is what it takes where it computes."""
    made = seat(chat(memory_mb=3000), EIGHT_B, device)
    assert (made.host_bytes if device == "cpu" else made.gpu_bytes) == 3000 * MIB


def test_what_has_to_be_fetched_first_is_offered_unseen() -> None:
    """The worker fetches it; until then it counts as 1 GiB."""
    made = offer(chat(source="hf:a/b/c.gguf"), FileFacts(is_here=False), machine())
    assert [each.host_bytes for each in made.seats] == [UNKNOWN_BYTES]


def test_a_file_that_cannot_be_served_is_the_reason() -> None:
    """Whatever the machine has."""
    made = offer(chat(), FileFacts(fault="m.gguf does not exist"), machine())
    assert (made.seats, made.reason) == ((), "m.gguf does not exist")


def test_echo_needs_no_gpu_memory() -> None:
    """It has a seat on one all the same, so that placement can be tried without models."""
    made = offer(chat(source="echo:", device="cuda:0"), FileFacts(), machine((24,), CPU_BUILDS))
    assert [(each.device, each.host_bytes, each.gpu_bytes) for each in made.seats] == [
        ("cuda:0", ECHO_BYTES, 0)
    ]
