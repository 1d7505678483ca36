"""The tower, as llama.cpp computes a LLaVA projector of type ``mlp``: ViT, two layers, no class.

Its parameters are a plain table under the names they have in the GGUF, so that writing the file
is writing the table. What must match llama.cpp to the last step:

- LLaVA takes the second to last layer, unless ``feature_layer`` names the one to stop behind;
- ``use_gelu`` is the tanh form, in the blocks and in the projector;
- ``post_ln`` comes before the projector; the positions are the patches in reading order.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional

SIDE = 32
PATCH = 8
PLACES = (SIDE // PATCH) ** 2
WIDTH = 64
HEADS = 4
INNER = 256
LAYERS = 4
BRIDGE = 192
EPSILON = 1e-5
MEAN = (0.5, 0.5, 0.5)
DEVIATION = (0.25, 0.25, 0.25)

Parameters = dict[str, torch.Tensor]


def fresh(embedding: int, chance: torch.Generator) -> Parameters:
    """A tower that has learnt nothing; ``embedding`` is the language model's width."""
    shapes: dict[str, tuple[int, ...]] = {
        "v.patch_embd.weight": (WIDTH, 3, PATCH, PATCH),
        "v.position_embd.weight": (PLACES, WIDTH),
        **_norm("v.pre_ln"),
        **_norm("v.post_ln"),
        **_linear("mm.0", WIDTH, BRIDGE),
        **_linear("mm.2", BRIDGE, embedding),
    }
    for index in range(LAYERS):
        block = f"v.blk.{index}"
        shapes |= _norm(f"{block}.ln1") | _norm(f"{block}.ln2")
        for part in ("attn_q", "attn_k", "attn_v", "attn_out"):
            shapes |= _linear(f"{block}.{part}", WIDTH, WIDTH)
        shapes |= _linear(f"{block}.ffn_up", WIDTH, INNER)
        shapes |= _linear(f"{block}.ffn_down", INNER, WIDTH)
    return {name: _start(name, shape, chance) for name, shape in shapes.items()}


def _norm(name: str) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (WIDTH,), f"{name}.bias": (WIDTH,)}


def _linear(name: str, width: int, out: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (out, width), f"{name}.bias": (out,)}


def _start(name: str, shape: tuple[int, ...], chance: torch.Generator) -> torch.Tensor:
    if name.endswith(".bias"):
        return torch.zeros(shape)
    if len(shape) == 1:
        return torch.ones(shape)
    if name == "v.position_embd.weight":
        return torch.randn(shape, generator=chance) * 0.5
    spread = 1 / math.sqrt(math.prod(shape[1:]))
    if name.endswith(("attn_out.weight", "ffn_down.weight")):
        spread *= 0.3  # a block begins as a small correction of what it got
    return torch.randn(shape, generator=chance) * spread


def forward(tower: Parameters, pictures: torch.Tensor) -> torch.Tensor:
    """What stands in each picture's places: (pictures, places, the language model's width)."""
    mean, deviation = (torch.tensor(x)[None, :, None, None] for x in (MEAN, DEVIATION))
    pixels = (pictures / 255 - mean) / deviation
    patches = functional.conv2d(pixels, tower["v.patch_embd.weight"], stride=PATCH)
    state = patches.flatten(2).transpose(1, 2) + tower["v.position_embd.weight"]
    state = _normed(tower, "v.pre_ln", state)
    for index in range(LAYERS):
        block = f"v.blk.{index}"
        state = state + _attended(tower, block, _normed(tower, f"{block}.ln1", state))
        inner = _applied(tower, f"{block}.ffn_up", _normed(tower, f"{block}.ln2", state))
        state = state + _applied(tower, f"{block}.ffn_down", _gelu(inner))
    state = _normed(tower, "v.post_ln", state)
    return _applied(tower, "mm.2", _gelu(_applied(tower, "mm.0", state)))


def _gelu(state: torch.Tensor) -> torch.Tensor:
    return functional.gelu(state, approximate="tanh")


def _normed(tower: Parameters, name: str, state: torch.Tensor) -> torch.Tensor:
    weight, bias = tower[f"{name}.weight"], tower[f"{name}.bias"]
    return functional.layer_norm(state, (WIDTH,), weight, bias, EPSILON)


def _applied(tower: Parameters, name: str, state: torch.Tensor) -> torch.Tensor:
    return functional.linear(state, tower[f"{name}.weight"], tower[f"{name}.bias"])


def _attended(tower: Parameters, block: str, state: torch.Tensor) -> torch.Tensor:
    parts = ("attn_q", "attn_k", "attn_v")
    heads = (
        _applied(tower, f"{block}.{part}", state).unflatten(-1, (HEADS, -1)).transpose(1, 2)
        for part in parts
    )
    mixed = functional.scaled_dot_product_attention(*heads)
    return _applied(tower, f"{block}.attn_out", mixed.transpose(1, 2).flatten(2))
