"""A model file to a model and a context of llama.cpp, or a sentence that says why not."""

from __future__ import annotations

import ctypes
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import llama_cpp

from tasks.model import KvType
from worker.runtimes.cache_types import is_quantised
from worker.runtimes.errors import LoadFailed
from worker.runtimes.llama import library

_logger = logging.getLogger(__name__)

_BATCH_TOKENS = 2048
_MICRO_BATCH_TOKENS = 512
_BF16 = 30
"""As in ggml.h; the bindings do not name it."""
TYPES: dict[KvType, int] = {
    "f32": llama_cpp.GGML_TYPE_F32,
    "f16": llama_cpp.GGML_TYPE_F16,
    "bf16": _BF16,
    "q8_0": llama_cpp.GGML_TYPE_Q8_0,
    "q5_1": llama_cpp.GGML_TYPE_Q5_1,
    "q5_0": llama_cpp.GGML_TYPE_Q5_0,
    "q4_1": llama_cpp.GGML_TYPE_Q4_1,
    "q4_0": llama_cpp.GGML_TYPE_Q4_0,
}
_ATTENTION = {
    None: llama_cpp.LLAMA_FLASH_ATTN_TYPE_AUTO,
    True: llama_cpp.LLAMA_FLASH_ATTN_TYPE_ENABLED,
    False: llama_cpp.LLAMA_FLASH_ATTN_TYPE_DISABLED,
}
_NO_DEVICES = (ctypes.c_void_p * 1)(None)
"""An empty list of devices: with none given, llama.cpp would take every GPU that it sees."""


def has_gpu() -> bool:
    """Whether this build can compute on a GPU, and sees one."""
    library.start()
    return bool(llama_cpp.llama_supports_gpu_offload())


def load(
    path: Path,
    *,
    device: str,
    n_gpu_layers: int = -1,
    progress: Callable[[float], object] | None = None,
) -> llama_cpp.llama_model_p:
    """The model in ``path``; raises ``LoadFailed``.

    On a GPU it is always the first that this process sees, whatever index ``device`` has: a worker
    is shown the one that it was given and no other.
    """
    params = llama_cpp.llama_model_default_params()
    if device == "cpu":
        params.n_gpu_layers = 0
        params.devices = ctypes.cast(_NO_DEVICES, ctypes.c_void_p)
    else:
        _require_gpu(path, device)
        params.n_gpu_layers = n_gpu_layers
        params.split_mode = llama_cpp.LLAMA_SPLIT_MODE_NONE
        params.main_gpu = 0
    heard = _hearing(progress)
    params.progress_callback = heard
    model: llama_cpp.llama_model_p | None = llama_cpp.llama_model_load_from_file(
        os.fsencode(path), params
    )
    del heard  # until here llama.cpp had its address
    if not model:
        raise LoadFailed(f"{path} cannot be loaded: {library.reason()}")
    if llama_cpp.llama_model_has_encoder(model) or not llama_cpp.llama_model_has_decoder(model):
        llama_cpp.llama_model_free(model)
        raise LoadFailed(f"{path} is no causal language model: it cannot answer chats")
    return model


def new_context(
    model: llama_cpp.llama_model_p,
    path: Path,
    *,
    slots: int,
    context: int,
    threads: int,
    outputs: int,
    kv_type: KvType = "f16",
    flash_attention: bool | None = None,
) -> llama_cpp.llama_context_p:
    """Room for ``slots`` sequences, and for the logits of ``outputs`` places of a batch."""
    if is_quantised(kv_type) and flash_attention is False:
        raise LoadFailed(f"{path}: kv_type {kv_type!r} needs flash attention")
    params = llama_cpp.llama_context_default_params()
    params.type_k = params.type_v = TYPES[kv_type]
    params.flash_attn_type = _ATTENTION[flash_attention]
    params.n_ctx = slots * context
    params.n_seq_max = slots
    params.n_batch = most_fed(slots, context) + slots  # and what stands in for idle slots
    params.n_ubatch = _MICRO_BATCH_TOKENS
    # Without it the logits of a whole micro-batch are reserved: 100 MB for 49,152 tokens.
    params.n_outputs_max = outputs
    params.n_threads = threads or cores()
    params.n_threads_batch = threads or cores()
    params.no_perf = True
    # A stream of cells for each slot: see memory.
    params.kv_unified = False
    made: llama_cpp.llama_context_p | None = llama_cpp.llama_init_from_model(model, params)
    if not made:
        raise LoadFailed(
            f"{path}: no memory for {slots} slots of {context} tokens: {library.reason()}"
        )
    return made


def most_fed(slots: int, context: int) -> int:
    """Most tokens that are fed in one batch."""
    return min(_BATCH_TOKENS, slots * context)


def cores() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0))


def _require_gpu(path: Path, device: str) -> None:
    if has_gpu():
        return
    if not any((Path(llama_cpp.__file__).parent / "lib").glob("*ggml-cuda*")):
        raise LoadFailed(
            f"{path} is to run on {device!r}, and this build of llama.cpp knows only the cpu: "
            "install a build for that device, or set device = 'cpu'"
        )
    raise LoadFailed(
        f"{path} is to run on {device!r}, and llama.cpp finds no GPU that it may use: check the "
        "driver and CUDA_VISIBLE_DEVICES, or set device = 'cpu'"
    )


def _hearing(progress: Callable[[float], object] | None) -> Any:
    """What llama.cpp calls with the share that is read; the loading goes on whatever happens."""

    def hear(share: float, _data: object) -> bool:
        if progress is not None:
            try:
                progress(share)
            except Exception:
                _logger.exception("the progress of a loading was not heard")
        return True

    return llama_cpp.llama_progress_callback(hear)
