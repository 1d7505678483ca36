"""A language model of 80 KB with random weights, built number by number: any may be wrong."""

from __future__ import annotations

import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass

WIDTH, INNER, HEADS = 32, 64, 4
U32, I32, F32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9
_FORMS = {0: "B", U32: "I", I32: "i", F32: "f", BOOL: "?", 10: "Q", 12: "d"}


@dataclass(frozen=True, slots=True)
class Typed:
    """A metadata value with GGUF's number of its type; a list is an array of that type."""

    kind: int
    value: object

    def encoded(self) -> bytes:
        """As it lies in a file, its type before it."""
        if isinstance(self.value, list):
            items = b"".join(_scalar(self.kind, each) for each in self.value)
            return struct.pack("<IIQ", ARRAY, self.kind, len(self.value)) + items
        return struct.pack("<I", self.kind) + _scalar(self.kind, self.value)


def _scalar(kind: int, value: object) -> bytes:
    if kind == STRING:
        text = str(value).encode()
        return struct.pack("<Q", len(text)) + text
    return struct.pack(f"<{_FORMS[kind]}", value)


def byte_tokens() -> list[str]:
    """One token for each byte, written as GPT-2 writes them: printable bytes as themselves."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in plain)
    letters = {byte: chr(byte) for byte in plain}
    letters |= {byte: chr(256 + place) for place, byte in enumerate(others)}
    return [letters[byte] for byte in range(256)]


def facts() -> dict[str, Typed]:
    """The metadata of a sound file."""
    tokens = [*byte_tokens(), "<end>", "ab"]
    return {
        "general.architecture": Typed(STRING, "llama"),
        "llama.block_count": Typed(U32, 1),
        "llama.context_length": Typed(U32, 512),
        "llama.embedding_length": Typed(U32, WIDTH),
        "llama.feed_forward_length": Typed(U32, INNER),
        "llama.attention.head_count": Typed(U32, HEADS),
        "llama.attention.head_count_kv": Typed(U32, HEADS),
        "llama.rope.dimension_count": Typed(U32, WIDTH // HEADS),
        "llama.rope.freq_base": Typed(F32, 10000.0),
        "llama.attention.layer_norm_rms_epsilon": Typed(F32, 1e-5),
        "tokenizer.ggml.model": Typed(STRING, "gpt2"),
        "tokenizer.ggml.pre": Typed(STRING, "smollm"),
        "tokenizer.ggml.tokens": Typed(STRING, tokens),
        "tokenizer.ggml.token_type": Typed(I32, [1] * 256 + [3, 1]),
        "tokenizer.ggml.merges": Typed(STRING, ["a b"]),
        "tokenizer.ggml.bos_token_id": Typed(U32, 256),
        "tokenizer.ggml.eos_token_id": Typed(U32, 256),
    }


SHAPES = {
    "token_embd.weight": (WIDTH, 258),
    "blk.0.attn_norm.weight": (WIDTH,),
    "blk.0.attn_q.weight": (WIDTH, WIDTH),
    "blk.0.attn_k.weight": (WIDTH, WIDTH),
    "blk.0.attn_v.weight": (WIDTH, WIDTH),
    "blk.0.attn_output.weight": (WIDTH, WIDTH),
    "blk.0.ffn_norm.weight": (WIDTH,),
    "blk.0.ffn_gate.weight": (WIDTH, INNER),
    "blk.0.ffn_up.weight": (WIDTH, INNER),
    "blk.0.ffn_down.weight": (INNER, WIDTH),
    "output_norm.weight": (WIDTH,),
}


def build(
    changed: Mapping[str, Typed | None] | None = None,
    shapes: Mapping[str, tuple[int, ...]] = SHAPES,
    weight: float | None = None,
) -> bytes:
    """A GGUF file of 32-bit floats, each of them ``weight`` where that is given.

    ``changed`` replaces facts of a sound file; None leaves one out.
    """
    stated = {key: fact for key, fact in (facts() | dict(changed or {})).items() if fact}
    head = [b"GGUF", struct.pack("<IQQ", 3, len(shapes), len(stated))]
    for key, fact in stated.items():
        head += [_scalar(STRING, key), fact.encoded()]
    chance, data = random.Random(5), bytearray()
    for name, shape in shapes.items():
        head += [_scalar(STRING, name), struct.pack(f"<I{len(shape)}Q", len(shape), *shape)]
        head += [struct.pack("<IQ", 0, len(data))]
        count = 1
        for extent in shape:
            count *= extent
        numbers = [chance.gauss(0, 0.3) if weight is None else weight for _ in range(count)]
        data += struct.pack(f"<{count}f", *numbers)
        data += bytes(-len(data) % 32)
    body = b"".join(head)
    return body + bytes(-len(body) % 32) + bytes(data)
