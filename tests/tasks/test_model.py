"""A model's definition: what is refused, and what makes it another one."""

from __future__ import annotations

import msgspec
import pytest

from tasks.model import CatalogError, Model, check

SOUND = Model(name="m", kind="chat", source="path:m.gguf")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "no spaces"}, "is no model name"),
        ({"aliases": ("",)}, "is no model name"),
        ({"aliases": ("m",)}, "must be another"),
        ({"aliases": ("x", "x")}, "must be another"),
        ({"slots": 0}, "slots must be 1 to 256, not 0"),
        ({"slots": 257}, "slots must be 1 to 256, not 257"),
        ({"context": 15}, "context must be 16"),
        ({"speculative": 33}, "speculative must be 0 to 32"),
        ({"n_gpu_layers": -2}, "n_gpu_layers must be -1"),
        ({"replicas": 0}, "replicas must be 1"),
        ({"max_waiting": 0}, "max_waiting must be at least 1"),
        ({"memory_mb": 0}, "memory_mb must be at least 1"),
        ({"threads": -1}, "threads must be 0 to 512"),
        ({"threads": 513}, "threads must be 0 to 512"),
        ({"ttl_s": -1.0}, "must not be negative"),
        ({"device": "gpu"}, "device must be cpu, cuda"),
        ({"device": "cuda:x"}, "device must be cpu, cuda"),
        ({"sha256": "ABC"}, "sha256 must be 64"),
        ({"kind": "embed"}, "serves kinds 'chat' and 'multimodal'"),
        ({"runtime": "onnx"}, "serves kind 'embed' only"),
        ({"mmproj": "path:p.gguf"}, "mmproj is for kind 'multimodal'"),
        ({"kind": "multimodal"}, "needs mmproj"),
    ],
)
def test_a_definition_that_cannot_be_served_is_refused(
    changed: dict[str, object], said: str
) -> None:
    """The message names the model, and what is wrong with it."""
    with pytest.raises(CatalogError, match=said):
        check(msgspec.structs.replace(SOUND, **changed))


@pytest.mark.parametrize("device", ["cpu", "any", "cuda", "cuda:0", "cuda:11"])
def test_the_devices_that_there_are(device: str) -> None:
    """The processor, any GPU, a certain one, or whatever there is."""
    check(msgspec.structs.replace(SOUND, device=device))
    assert SOUND.device == "cpu"


def test_only_what_the_worker_reads_makes_it_another() -> None:
    """A change of when it is loaded leaves its process alone, one of what is loaded does not."""
    same = msgspec.structs.replace(SOUND, ttl_s=5.0, pinned=True, replicas=2, aliases=("x",))
    other = msgspec.structs.replace(SOUND, context=4096)
    assert same.fingerprint == SOUND.fingerprint != other.fingerprint
