"""What keys and values take in a model's cache, by the type that they are kept in."""

from __future__ import annotations

from tasks.model import KvType, Model
from worker.runtimes.errors import LoadFailed

# Bits of one number. The quantised types keep blocks of 32 numbers, with a scale or two of 16 bits.
BITS: dict[KvType, float] = {
    "f32": 32,
    "f16": 16,
    "bf16": 16,
    "q8_0": 8.5,
    "q5_1": 6,
    "q5_0": 5.5,
    "q4_1": 5,
    "q4_0": 4.5,
}


def in_type(f16_bytes: int, kv_type: KvType) -> int:
    """How many bytes ``f16_bytes`` of 16-bit floats are as numbers of another type."""
    return int(f16_bytes * BITS[kv_type] / 16)


def is_quantised(kv_type: KvType) -> bool:
    """Whether the type keeps numbers in blocks."""
    return kv_type.startswith("q")


def require_attention(model: Model) -> None:
    """Refuse what llama.cpp cannot compute: quantised values without flash attention."""
    if is_quantised(model.kv_type) and model.flash_attention is False:
        raise LoadFailed(
            f"{model.name}: kv_type {model.kv_type!r} needs flash attention: leave flash_attention"
            " out, or set kv_type to 'f16'"
        )
