"""A model file to a model and a context of llama.cpp, or a sentence that says why not."""

from __future__ import annotations

import os
from pathlib import Path

import llama_cpp

from worker.runtimes.errors import LoadFailed
from worker.runtimes.llama import library

_BATCH_TOKENS = 2048
_MICRO_BATCH_TOKENS = 512


def load(path: Path, *, device: str) -> llama_cpp.llama_model_p:
    """The model in ``path``; raises ``LoadFailed``."""
    if device != "cpu" and not llama_cpp.llama_supports_gpu_offload():
        raise LoadFailed(
            f"{path} is to run on {device!r}, and this build of llama.cpp knows only the cpu: "
            "install a build for that device, or set device = 'cpu'"
        )
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0 if device == "cpu" else -1
    model: llama_cpp.llama_model_p | None = llama_cpp.llama_model_load_from_file(
        os.fsencode(path), params
    )
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
) -> llama_cpp.llama_context_p:
    """Room for ``slots`` sequences, and for the logits of ``outputs`` places of a batch."""
    params = llama_cpp.llama_context_default_params()
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
