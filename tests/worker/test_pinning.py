"""Which GPUs a worker's process sees."""

from __future__ import annotations

import pytest

from worker.pinning import pin


@pytest.mark.parametrize(
    ("device", "visible", "expected"),
    [
        ("cpu", None, ""),
        ("cpu", "0,1", ""),
        ("cuda:1", None, "1"),
        ("cuda:1", "4,6", "6"),
        ("cuda:2", "4,6", ""),
        ("cuda:0", "GPU-8a,GPU-9b", "GPU-8a"),
        ("cuda", "4,6", "4,6"),
        ("any", None, None),
    ],
)
def test_a_process_sees_its_own_gpu_and_no_other(
    device: str, visible: str | None, expected: str | None
) -> None:
    """None for the cpu; one that is hidden already is not brought back."""
    environment = {} if visible is None else {"CUDA_VISIBLE_DEVICES": visible}
    pin(device, environment)
    assert environment.get("CUDA_VISIBLE_DEVICES") == expected


def test_indices_are_those_of_the_driver() -> None:
    """CUDA would count the fastest first; an order that somebody has set stays."""
    environment: dict[str, str] = {}
    pin("cuda:0", environment)
    assert environment["CUDA_DEVICE_ORDER"] == "PCI_BUS_ID"
    environment = {"CUDA_DEVICE_ORDER": "FASTEST_FIRST"}
    pin("cuda:0", environment)
    assert environment["CUDA_DEVICE_ORDER"] == "FASTEST_FIRST"
