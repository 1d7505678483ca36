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
from worker.runtimes.gguf_walk import Malformed, Value, Walk


@dataclass(frozen=True, slots=True)
class GgufFile:
    """What a sound GGUF file says about its model; 0 and '' where it says nothing."""

    architecture: str
    name: str
    context_length: int
    kv_bytes_per_token: int
    tensors: int
    size_bytes: int


def check(path: Path) -> GgufFile:
    """What the file at ``path`` holds, every byte of its header accounted for.

    Raises ``LoadFailed`` that names the file and the fault; an incomplete download is one.
    """
    try:
        with (
            path.open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data,
        ):
            facts, tensors = Walk(data).contents()
            return _report(facts, tensors, len(data))
    except (Malformed, struct.error) as error:
        raise LoadFailed(f"{path} is no sound GGUF file: {error}") from error
    except ValueError as error:  # mmap of an empty file
        raise LoadFailed(f"{path} is no sound GGUF file: it is empty") from error
    except OSError as error:
        raise LoadFailed(f"{path} cannot be read: {error.strerror}") from error


def _report(facts: dict[str, Value], tensors: int, size_bytes: int) -> GgufFile:
    architecture = facts.get("general.architecture")
    if not isinstance(architecture, str) or not architecture:
        raise Malformed("it does not name its architecture")
    if (shards := _whole(facts, "split.count")) > 1:
        raise Malformed(
            f"it is one of {shards} parts, of which only this one is checked: "
            "join them with `llama-gguf-split --merge`"
        )
    name = facts.get("general.name")
    return GgufFile(
        architecture=architecture,
        name=name if isinstance(name, str) else "",
        context_length=_whole(facts, f"{architecture}.context_length"),
        kv_bytes_per_token=_kv_bytes_per_token(facts, architecture),
        tensors=tensors,
        size_bytes=size_bytes,
    )


def _kv_bytes_per_token(facts: dict[str, Value], architecture: str) -> int:
    """Bytes of one token's keys and values as 16-bit floats; 0 where heads vary by layer."""
    layers = _whole(facts, f"{architecture}.block_count")
    width = _whole(facts, f"{architecture}.embedding_length")
    heads = _whole(facts, f"{architecture}.attention.head_count")
    shared = _whole(facts, f"{architecture}.attention.head_count_kv") or heads
    key = _whole(facts, f"{architecture}.attention.key_length")
    value = _whole(facts, f"{architecture}.attention.value_length")
    if not heads:
        return 0
    return 2 * layers * shared * ((key or width // heads) + (value or width // heads))


def _whole(facts: dict[str, Value], key: str) -> int:
    found = facts.get(key)
    return found if isinstance(found, int) and found > 0 else 0
