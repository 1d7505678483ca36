"""Model files that see, made on the spot with random weights: what they say means nothing.

A projector of each kind that the runtime treats differently, and a language model with M-RoPE
positions. Real architectures at toy sizes: llama.cpp computes them as it does the real ones.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Value = str | bool | int | float | list[float] | list[int]
Tensors = dict[str, NDArray[np.float32]]

WIDTH = 64
"""Of the towers; their heads are 32 wide."""

_ALIGNMENT = 32
_STRING, _ARRAY = 8, 9
_TOKENIZER = b"tokenizer."


def projector(path: Path, kind: str, *, embedding: int, seed: int = 1) -> Path:
    """A vision tower of two layers and a projector of ``kind`` into ``embedding`` dimensions.

    ``mlp`` is LLaVA's (16 positions), ``tiles`` the same with large pictures in several pieces of
    16 positions each, ``gemma3`` attends to a picture both ways (16 positions between words), and
    ``qwen2vl_merger`` keeps a picture's shape (one position per 16 x 16 pixels). ``idefics3`` wants
    words that few vocabularies have; ``hunyuanvl`` is only called so.
    """
    rng = np.random.default_rng(seed)
    facts: dict[str, Value] = {
        "general.architecture": "clip",
        "clip.projector_type": "mlp" if kind == "tiles" else kind,
        "clip.has_vision_encoder": True,
        "clip.use_gelu": True,
        "clip.vision.image_size": 32,
        "clip.vision.patch_size": 8,
        "clip.vision.embedding_length": WIDTH,
        "clip.vision.feed_forward_length": 2 * WIDTH,
        "clip.vision.block_count": 2,
        "clip.vision.attention.head_count": 2,
        "clip.vision.attention.layer_norm_epsilon": 1e-5,
        "clip.vision.projection_dim": embedding,
        "clip.vision.image_mean": [0.5, 0.5, 0.5],
        "clip.vision.image_std": [0.5, 0.5, 0.5],
    }
    tensors = _tower(rng)
    if kind == "tiles":
        facts["clip.vision.image_grid_pinpoints"] = [64, 32, 32, 64, 64, 64]
    if kind in ("mlp", "tiles", "hunyuanvl"):
        tensors |= _linear(rng, "mm.0", WIDTH, embedding) | _linear(
            rng, "mm.2", embedding, embedding
        )
    elif kind == "gemma3":
        facts["clip.vision.projector.scale_factor"] = 1
        tensors["mm.input_projection.weight"] = _random(rng, WIDTH, embedding)
        tensors["mm.soft_emb_norm.weight"] = np.ones(WIDTH, dtype=np.float32)
    elif kind == "idefics3":
        facts["clip.vision.projector.scale_factor"] = 2
        facts["clip.vision.preproc_image_size"] = 128
        tensors["mm.model.fc.weight"] = _random(rng, embedding, 4 * WIDTH)
    elif kind == "qwen2vl_merger":
        del tensors["v.position_embd.weight"], tensors["v.patch_embd.bias"]
        tensors["v.patch_embd.weight.1"] = _random(rng, WIDTH, 3, 8, 8)
        tensors |= _linear(rng, "mm.0", 4 * WIDTH, 4 * WIDTH)
        tensors |= _linear(rng, "mm.2", 4 * WIDTH, embedding)
    else:
        raise ValueError(f"no projector of kind {kind!r}")
    path.write_bytes(_file(facts, b"", 0, tensors))
    return path


def mrope_model(path: Path, tokenizer_of: Path, *, vocabulary: int, seed: int = 2) -> Path:
    """A ``qwen2vl`` model of two layers, with the tokenizer of another file."""
    rng = np.random.default_rng(seed)
    width, feed_forward = 64, 128
    facts: dict[str, Value] = {
        "general.architecture": "qwen2vl",
        "qwen2vl.context_length": 2048,
        "qwen2vl.embedding_length": width,
        "qwen2vl.block_count": 2,
        "qwen2vl.feed_forward_length": feed_forward,
        "qwen2vl.attention.head_count": 2,
        "qwen2vl.attention.head_count_kv": 2,
        "qwen2vl.attention.layer_norm_rms_epsilon": 1e-5,
        "qwen2vl.rope.freq_base": 10000.0,
        "qwen2vl.rope.dimension_sections": [4, 6, 6, 0],
    }
    tensors: Tensors = {
        "token_embd.weight": _random(rng, vocabulary, width) * 8,
        "output_norm.weight": np.ones(width, dtype=np.float32),
    }
    for layer in range(2):
        name = f"blk.{layer}"
        for part in "qkv":
            tensors |= _linear(rng, f"{name}.attn_{part}", width, width)
        tensors[f"{name}.attn_output.weight"] = _random(rng, width, width)
        for part in ("attn_norm", "ffn_norm"):
            tensors[f"{name}.{part}.weight"] = np.ones(width, dtype=np.float32)
        for part, rows, columns in (
            ("gate", feed_forward, width),
            ("up", feed_forward, width),
            ("down", width, feed_forward),
        ):
            tensors[f"{name}.ffn_{part}.weight"] = _random(rng, rows, columns)
    pairs, count = _tokenizer(tokenizer_of)
    path.write_bytes(_file(facts, pairs, count, tensors))
    return path


def _tower(rng: np.random.Generator) -> Tensors:
    tensors: Tensors = {
        "v.patch_embd.weight": _random(rng, WIDTH, 3, 8, 8),
        "v.patch_embd.bias": _random(rng, WIDTH),
        "v.position_embd.weight": _random(rng, 16, WIDTH),
    }
    for part in ("post_ln",):
        tensors |= _norm(f"v.{part}")
    for layer in range(2):
        name = f"v.blk.{layer}"
        tensors |= _norm(f"{name}.ln1") | _norm(f"{name}.ln2")
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            tensors |= _linear(rng, f"{name}.{part}", WIDTH, WIDTH)
        tensors |= _linear(rng, f"{name}.ffn_up", WIDTH, 2 * WIDTH)
        tensors |= _linear(rng, f"{name}.ffn_down", 2 * WIDTH, WIDTH)
    return tensors


def _random(rng: np.random.Generator, *shape: int) -> NDArray[np.float32]:
    # Large enough that different pictures lead to different answers.
    drawn: NDArray[np.float32] = rng.standard_normal(shape).astype(np.float32)
    return drawn / np.float32(np.sqrt(shape[-1]))


def _linear(rng: np.random.Generator, name: str, inputs: int, outputs: int) -> Tensors:
    return {f"{name}.weight": _random(rng, outputs, inputs), f"{name}.bias": _random(rng, outputs)}


def _norm(name: str) -> Tensors:
    return {
        f"{name}.weight": np.ones(WIDTH, dtype=np.float32),
        f"{name}.bias": np.zeros(WIDTH, dtype=np.float32),
    }


def _file(facts: Mapping[str, Value], more: bytes, more_count: int, tensors: Tensors) -> bytes:
    pairs = b"".join(_string(key) + _typed(value) for key, value in facts.items()) + more
    infos, data = b"", b""
    for name, tensor in tensors.items():
        shape = tensor.shape[::-1]
        infos += _string(name) + struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
        infos += struct.pack("<IQ", 0, len(data))
        data += tensor.tobytes() + bytes(-tensor.nbytes % _ALIGNMENT)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(facts) + more_count) + pairs + infos
    return head + bytes(-len(head) % _ALIGNMENT) + data


def _typed(value: Value) -> bytes:
    match value:
        case bool():
            return struct.pack("<IB", 7, value)
        case int():
            return struct.pack("<II", 4, value)
        case float():
            return struct.pack("<If", 6, value)
        case str():
            return struct.pack("<I", _STRING) + _string(value)
    kind, form = (6, "f") if isinstance(value[0], float) else (5, "i")
    return struct.pack(f"<IIQ{len(value)}{form}", _ARRAY, kind, len(value), *value)


def _string(text: str) -> bytes:
    return struct.pack("<Q", len(text)) + text.encode()


def _tokenizer(path: Path) -> tuple[bytes, int]:
    """The tokenizer's keys of a GGUF file, as they stand there, and how many they are."""
    data = path.read_bytes()
    (count,) = struct.unpack_from("<Q", data, 16)
    at, kept, number = 24, b"", 0
    for _ in range(count):
        begin = at
        (length,) = struct.unpack_from("<Q", data, at)
        name = data[at + 8 : at + 8 + length]
        at = _past(data, at + 8 + length)
        if name.startswith(_TOKENIZER):
            kept += data[begin:at]
            number += 1
    return kept, number


def _past(data: bytes, at: int) -> int:
    """Where the value ends whose type stands at ``at``."""
    sizes = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    (kind,) = struct.unpack_from("<I", data, at)
    at += 4
    if kind == _STRING:
        return at + 8 + _length(data, at)
    if kind != _ARRAY:
        return at + sizes[kind]
    kind, count = struct.unpack_from("<IQ", data, at)
    at += 12
    if kind != _STRING:
        return at + int(count) * sizes[kind]
    for _ in range(count):
        at += 8 + _length(data, at)
    return at


def _length(data: bytes, at: int) -> int:
    return int(struct.unpack_from("<Q", data, at)[0])
