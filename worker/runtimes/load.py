"""From a catalog entry to a runtime: find the file, look at it, then let its library have it."""

from __future__ import annotations

import os
from pathlib import Path

from tasks.model import Model
from worker.runtimes import gguf
from worker.runtimes.base import ChatRuntime, EmbedRuntime
from worker.runtimes.echo import EchoChat, EchoEmbed
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import resolve

_CGROUP_LIMITS = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)


def load_chat(model: Model) -> ChatRuntime:
    """The runtime of a chat model, its weights in memory and its first batch computed.

    Raises ``LoadFailed`` for a file that cannot be served with the slots and context asked for.
    """
    if model.engine == "echo":
        return EchoChat(
            slots=model.slots,
            context=model.context,
            tokens_per_s=model.tokens_per_s,
            guesses=model.speculative,
        )
    if model.engine != "llama":
        raise LoadFailed(f"{model.name}: the {model.engine} runtime answers no chats")
    path = resolve(model.source)
    _require_fit(model, gguf.check(path))
    try:
        # Imported here, so that a worker loads the one inference library that its model needs.
        from worker.runtimes.llama import LlamaRuntime
    except (ImportError, OSError, RuntimeError) as error:
        raise LoadFailed(
            f"{model.name} needs llama-cpp-python, which cannot be imported: {error}"
        ) from error
    return LlamaRuntime(
        path,
        slots=model.slots,
        context=model.context,
        threads=model.threads,
        device=model.device,
        guesses=model.speculative,
    )


def load_embed(model: Model) -> EmbedRuntime:
    """The runtime of an embedding model; its tokenizer lies beside it unless named.

    Raises ``LoadFailed`` for files that cannot be served.
    """
    if model.engine == "echo":
        return EchoEmbed(context=model.context)
    if model.engine != "onnx":
        raise LoadFailed(f"{model.name}: the {model.engine} runtime gives no vectors")
    if model.device != "cpu":
        raise LoadFailed(f"{model.name}: the onnx runtime runs on the cpu, not on {model.device!r}")
    path = resolve(model.source)
    tokenizer = model.tokenizer or f"path:{path.with_name('tokenizer.json')}"
    try:
        from worker.runtimes.onnx import OnnxRuntime
    except ImportError as error:
        raise LoadFailed(
            f"{model.name} needs onnxruntime, which cannot be imported: {error}"
        ) from error
    return OnnxRuntime(path, resolve(tokenizer), context=model.context, threads=model.threads)


def _require_fit(model: Model, file: gguf.GgufFile) -> None:
    trained = file.context_length
    if trained and model.context > trained:
        raise LoadFailed(
            f"{model.name}: context is {model.context} tokens per slot, and the model was trained "
            f"on {trained}: set context to {trained} or less"
        )
    if model.device != "cpu":
        return
    cache_bytes = model.slots * model.context * file.kv_bytes_per_token
    needed_bytes = file.size_bytes + cache_bytes
    if needed_bytes > (available_bytes := _memory_bytes()):
        raise LoadFailed(
            f"{model.name}: {model.slots} slots of {model.context} tokens need "
            f"{cache_bytes >> 20} MiB beside the file's {file.size_bytes >> 20} MiB, and this "
            f"machine has {available_bytes >> 20} MiB: set fewer slots or a smaller context"
        )


def _memory_bytes() -> int:
    """All memory that this process may have: the machine's, or its container's if less."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for path in _CGROUP_LIMITS:
        try:
            limits.append(int(path.read_text()))
        except (OSError, ValueError):  # no such cgroup version, or no limit ("max")
            continue
    return min(limits)
