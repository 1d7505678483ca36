"""llama.cpp's own way from a prompt with pictures to logits, for ours to be compared with."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path

import llama_cpp
import numpy as np
from llama_cpp import mtmd_cpp as mtmd
from numpy.typing import NDArray

from worker.runtimes.images import pixels

MARKER = "<__media__>"
_CONTEXT = 1024


def logprobs(
    model: Path, mmproj: Path, text: str, files: Sequence[bytes]
) -> tuple[int, NDArray[np.float64]]:
    """How many tokens ``text`` has, its markers being pictures, and what may follow it.

    The log probability of each token of the vocabulary.
    """
    params = llama_cpp.llama_model_default_params()
    params.n_gpu_layers = 0
    loaded = llama_cpp.llama_model_load_from_file(str(model).encode(), params)
    settings = llama_cpp.llama_context_default_params()
    settings.n_ctx = settings.n_batch = _CONTEXT
    context = llama_cpp.llama_init_from_model(loaded, settings)
    seeing = mtmd.mtmd_context_params_default()
    seeing.use_gpu = seeing.print_timings = False
    eyes = mtmd.mtmd_init_from_file(str(mmproj).encode(), loaded, seeing)
    assert eyes
    chunks = _chunks(eyes, text, files)
    past = ctypes.c_int32(0)
    code = mtmd.mtmd_helper_eval_chunks(
        eyes, context, chunks, 0, 0, _CONTEXT, True, ctypes.byref(past)
    )
    assert code == 0
    count = int(mtmd.mtmd_helper_get_n_tokens(chunks))
    size = llama_cpp.llama_vocab_n_tokens(llama_cpp.llama_model_get_vocab(loaded))
    found = llama_cpp.llama_get_logits_ith(context, -1)
    logits = np.ctypeslib.as_array(found, shape=(size,)).astype(np.float64)
    mtmd.mtmd_input_chunks_free(chunks)
    mtmd.mtmd_free(eyes)
    llama_cpp.llama_free(context)
    llama_cpp.llama_model_free(loaded)
    return count, logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())


def _chunks(
    eyes: mtmd.mtmd_context_p, text: str, files: Sequence[bytes]
) -> mtmd.mtmd_input_chunks_p:
    bitmaps = (ctypes.c_void_p * len(files))()
    for number, data in enumerate(files):
        shown = pixels(data)
        rgb = ctypes.cast(ctypes.c_char_p(shown.rgb), ctypes.POINTER(ctypes.c_uint8))
        bitmaps[number] = mtmd.mtmd_bitmap_init(shown.width, shown.height, rgb)
    said = text.encode()
    given = mtmd.mtmd_input_text(said, len(said), False, True)
    chunks: mtmd.mtmd_input_chunks_p | None = mtmd.mtmd_input_chunks_init()
    assert chunks is not None
    assert mtmd.mtmd_tokenize(eyes, chunks, ctypes.byref(given), bitmaps, len(files)) == 0
    for bitmap in bitmaps:
        mtmd.mtmd_bitmap_free(bitmap)
    return chunks
