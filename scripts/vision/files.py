"""GGUF in and out: the language model's token embeddings, and the tower as an mmproj file."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import torch

from scripts.vision import tower as shape


def token_embeddings(model: Path) -> tuple[dict[str, int], torch.Tensor]:
    """The vocabulary (text of a token to its number) and the vectors of all tokens."""
    reader = gguf.GGUFReader(str(model))
    tokens = reader.fields["tokenizer.ggml.tokens"]
    vocabulary = {bytes(tokens.parts[part]).decode(): at for at, part in enumerate(tokens.data)}
    table = next(tensor for tensor in reader.tensors if tensor.name == "token_embd.weight")
    vectors = gguf.quants.dequantize(table.data, table.tensor_type)
    return vocabulary, torch.from_numpy(np.ascontiguousarray(vectors, dtype=np.float32))


def write_mmproj(path: Path, tower: shape.Parameters) -> None:
    """The tower as llama.cpp loads it: matrices in 16 bits, all that is small in 32."""
    writer = gguf.GGUFWriter(str(path), "clip")
    writer.add_type("mmproj")
    writer.add_name("Tiny pictures")
    writer.add_description("Colours and shapes in words, for tests; made by scripts/vision")
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_F16)
    writer.add_bool("clip.has_vision_encoder", True)
    writer.add_string("clip.projector_type", "mlp")
    writer.add_bool("clip.use_gelu", True)
    for key, value in _dimensions(tower).items():
        writer.add_uint32(f"clip.vision.{key}", value)
    writer.add_float32("clip.vision.attention.layer_norm_epsilon", shape.EPSILON)
    writer.add_array("clip.vision.image_mean", list(shape.MEAN))
    writer.add_array("clip.vision.image_std", list(shape.DEVIATION))
    writer.add_array("clip.vision.feature_layer", [shape.LAYERS])
    for name, tensor in tower.items():
        writer.add_tensor(name, stored(name, tensor).numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def _dimensions(tower: shape.Parameters) -> dict[str, int]:
    return {
        "image_size": shape.SIDE,
        "patch_size": shape.PATCH,
        "embedding_length": shape.WIDTH,
        "feed_forward_length": shape.INNER,
        "projection_dim": len(tower["mm.2.bias"]),
        "block_count": shape.LAYERS,
        "attention.head_count": shape.HEADS,
    }


def stored(name: str, tensor: torch.Tensor) -> torch.Tensor:
    """The tensor in the precision that the file keeps it in."""
    half = tensor.dim() > 1 and name != "v.position_embd.weight"
    return tensor.detach().to(torch.float16 if half else torch.float32).contiguous()
