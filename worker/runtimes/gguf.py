"""A bounded look at a GGUF file before the loader sees it.

llama.cpp trusts much of what a file says, and some lies end the process instead of failing the
load. What this check lets through is consistent with itself: every count, offset and shape fits
into the file.
"""

from __future__ import annotations

import mmap
import struct
from dataclasses import dataclass
from pathlib import Path

from worker.runtimes.errors import LoadFailed
from worker.runtimes.gguf_types import FLOAT32, INT32, UINT32
from worker.runtimes.gguf_walk import Contents, Malformed, Walk

_PROJECTOR = "clip"
"""The architecture of an mmproj file, which has none of a language model's numbers."""

_MOST = {"block_count": 1024, "embedding_length": 1 << 20, "context_length": (1 << 31) - 1}
"""Greatest believable number of each; none of them is 0 in a model that computes anything."""

_PER_TOKEN = {"scores": (FLOAT32,), "token_type": (INT32, UINT32)}
"""Arrays that llama.cpp reads as far as the vocabulary goes, and the types that it assumes."""


@dataclass(frozen=True, slots=True)
class GgufFile:
    """What a sound GGUF file says about its model; 0 and '' where it says nothing."""

    architecture: str
    name: str
    context_length: int
    kv_bytes_per_token: int
    tensors: int
    size_bytes: int
    layers: int = 0
    vocabulary: int = 0


def check(path: Path) -> GgufFile:
    """What the file at ``path`` holds, every byte of its header accounted for.

    Raises ``LoadFailed`` that names the file and the fault; an incomplete download is one.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            return _report(Walk(data).contents(), len(data))
    except (Malformed, struct.error) as error:
        raise LoadFailed(f"{path} is no sound GGUF file: {error}") from error
    except ValueError as error:  # mmap of an empty file
        raise LoadFailed(f"{path} is no sound GGUF file: it is empty") from error
    except OSError as error:
        raise LoadFailed(f"{path} cannot be read: {error.strerror}") from error


def _report(found: Contents, size_bytes: int) -> GgufFile:
    architecture = found.facts.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise Malformed("it does not name its architecture")
    if (shards := _whole(found, "split.count")) > 1:
        raise Malformed(
            f"it is one of {shards} parts, of which only this one is checked: "
            "join them with `llama-gguf-split --merge`"
        )
    vocabulary = _vocabulary(found, architecture)
    cache_bytes = 0
    if architecture != _PROJECTOR:
        _require_numbers(found, architecture)
        _require_one_vocabulary(found, vocabulary)
        cache_bytes = _kv_bytes_per_token(found, architecture)
    name = found.facts.get("general.name")
    return GgufFile(
        architecture=architecture,
        name=name if isinstance(name, str) else "",
        context_length=_whole(found, f"{architecture}.context_length"),
        kv_bytes_per_token=cache_bytes,
        tensors=len(found.shapes),
        size_bytes=size_bytes,
        layers=_whole(found, f"{architecture}.block_count"),
        vocabulary=vocabulary,
    )


def _require_numbers(found: Contents, architecture: str) -> None:
    for name, most in _MOST.items():
        number = found.facts.get(f"{architecture}.{name}")
        if not isinstance(number, int) or not 0 < number <= most:
            raise Malformed(f"its {name} is {number}, not 1 to {most}")


def _vocabulary(found: Contents, architecture: str) -> int:
    _, tokens = found.arrays.get("tokenizer.ggml.tokens", (0, 0))
    return tokens or _whole(found, f"{architecture}.vocab_size")


def _require_one_vocabulary(found: Contents, vocabulary: int) -> None:
    """What has a row or an entry for each token has as many as there are tokens."""
    rows = found.shapes.get("token_embd.weight", ())[1:2]
    if vocabulary and rows and rows[0] != vocabulary:
        raise Malformed(f"it has {vocabulary} tokens and embeddings of {rows[0]}")
    _, tokens = found.arrays.get("tokenizer.ggml.tokens", (0, 0))
    for name, kinds in _PER_TOKEN.items():
        kind, length = found.arrays.get(f"tokenizer.ggml.{name}", (kinds[0], tokens))
        if kind not in kinds or length != tokens:
            raise Malformed(f"it has {tokens} tokens and {length} {name} of the type {kind}")


def _kv_bytes_per_token(found: Contents, architecture: str) -> int:
    """Bytes of one token's keys and values as 16-bit floats; 0 where the file does not tell."""
    layers = _whole(found, f"{architecture}.block_count")
    width = _whole(found, f"{architecture}.embedding_length")
    heads = _by_layer(found, f"{architecture}.attention.head_count", layers)
    shared = _by_layer(found, f"{architecture}.attention.head_count_kv", layers)
    key = _whole(found, f"{architecture}.attention.key_length")
    value = _whole(found, f"{architecture}.attention.value_length")
    if not any(heads):
        return 0
    per_head = (key or width // max(heads)) + (value or width // max(heads))
    return 2 * sum(shared if any(shared) else heads) * per_head


def _by_layer(found: Contents, key: str, layers: int) -> tuple[int, ...]:
    """A number for each layer, stated one by one or once for all; empty where it is neither."""
    stated = found.facts.get(key)
    numbers = stated if isinstance(stated, tuple) else (_whole(found, key),) * layers
    return numbers if len(numbers) == layers and min(numbers, default=-1) >= 0 else ()


def _whole(found: Contents, key: str) -> int:
    number = found.facts.get(key)
    return number if isinstance(number, int) and number > 0 else 0
