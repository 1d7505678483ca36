"""From a catalog entry to a runtime: find the file, look at it, then let its library have it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tasks.model import Model
from worker.memory import memory_bytes
from worker.probe import require_sound
from worker.runtimes import cache_types, echo, gguf
from worker.runtimes.base import ChatRuntime, EmbedRuntime
from worker.runtimes.echo import EchoChat, EchoEmbed
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import Files, files_of
from worker.settings import WorkerSettings


def device_of(model: Model, given: str = "") -> str:
    """Where the model runs: ``cpu`` or ``cuda:<index>``.

    It is ``given`` by a node that has chosen. Without one the model says it, and where it takes
    any device a GPU is used that this machine has and that the runtime was built for.
    """
    wanted = given or model.device
    if wanted == "any":
        wanted = "cuda" if _has_gpu(model) else "cpu"
    return "cuda:0" if wanted == "cuda" else wanted


def load_chat(
    model: Model,
    settings: WorkerSettings | None = None,
    *,
    progress: Callable[[float], object] | None = None,
) -> ChatRuntime:
    """The runtime of a chat model, its weights in memory and its first batch computed.

    ``progress`` hears how far the weights are read, 0 to 1. Without ``settings`` the file is not
    tried out in another process first: that is for callers who know it. Raises ``LoadFailed`` for
    a file that cannot be served with the slots and context asked for.
    """
    if model.engine == "echo":
        return EchoChat(
            slots=model.slots,
            context=model.context,
            tokens_per_s=model.tokens_per_s,
            guesses=model.speculative,
            sees=model.sees,
        )
    if model.engine != "llama":
        raise LoadFailed(f"{model.name}: the {model.engine} runtime answers no chats")
    cache_types.require_attention(model)
    files = _files(model, settings)
    path = files.source
    assert path is not None
    _require_fit(model, gguf.check(path), files.mmproj)
    if settings is not None:
        require_sound(model, path, settings)
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
        device=device_of(model),
        guesses=model.speculative,
        n_gpu_layers=model.n_gpu_layers,
        kv_type=model.kv_type,
        flash_attention=model.flash_attention,
        mmproj=files.mmproj,
        progress=progress,
    )


def load_embed(model: Model, settings: WorkerSettings | None = None) -> EmbedRuntime:
    """The runtime of an embedding model; its tokenizer lies beside it unless named.

    Raises ``LoadFailed`` for files that cannot be served.
    """
    if model.engine == "echo":
        return EchoEmbed(context=model.context)
    if model.engine != "onnx":
        raise LoadFailed(f"{model.name}: the {model.engine} runtime gives no vectors")
    files = _files(model, settings)
    assert files.source is not None
    assert files.tokenizer is not None
    if settings is not None:
        require_sound(model, files.source, settings)
    try:
        from worker.runtimes.onnx import OnnxRuntime
    except ImportError as error:
        raise LoadFailed(
            f"{model.name} needs onnxruntime, which cannot be imported: {error}"
        ) from error
    return OnnxRuntime(
        files.source,
        files.tokenizer,
        context=model.context,
        threads=model.threads,
        device=device_of(model),
    )


def release_of(model: Model) -> str:
    """The engine that computes ``model`` and its release; its library was imported by the loading.

    Another release may answer the same question in other words.
    """
    if model.engine == "echo":
        return echo.RELEASE
    if model.engine == "llama":
        from worker.runtimes.llama import library

        return library.release()
    from worker.runtimes import onnx

    return onnx.release()


def _files(model: Model, settings: WorkerSettings | None) -> Files:
    return files_of(model, settings.allowed_folders if settings else (), fetch=True)


def _has_gpu(model: Model) -> bool:
    try:
        if model.engine == "llama":
            from worker.runtimes.llama.opening import has_gpu
        elif model.engine == "onnx":
            from worker.runtimes.onnx import has_gpu
        else:
            return False
    except (ImportError, OSError, RuntimeError):
        return False  # loading the model says why
    return has_gpu()


def _require_fit(model: Model, file: gguf.GgufFile, mmproj: Path | None) -> None:
    trained = file.context_length
    if trained and model.context > trained:
        raise LoadFailed(
            f"{model.name}: context is {model.context} tokens per slot, and the model was trained "
            f"on {trained}: set context to {trained} or less"
        )
    if device_of(model) != "cpu":
        return
    per_token = cache_types.in_type(file.kv_bytes_per_token, model.kv_type)
    cache_bytes = model.slots * model.context * per_token
    file_bytes = file.size_bytes + (mmproj.stat().st_size if mmproj else 0)
    needed_bytes = file_bytes + cache_bytes
    if needed_bytes > (available_bytes := memory_bytes()):
        raise LoadFailed(
            f"{model.name}: {model.slots} slots of {model.context} tokens need "
            f"{cache_bytes >> 20} MiB beside the file's {file_bytes >> 20} MiB, and this "
            f"machine has {available_bytes >> 20} MiB: set fewer slots or a smaller context"
        )
