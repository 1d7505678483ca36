"""The logits of the batch just computed: are they numbers, and which probabilities they mean."""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np
from numpy.typing import NDArray

from worker.runtimes.errors import DecodeFailed

_LEAST = -9999.0
"""OpenAI's value for 'as good as impossible'; JSON has no minus infinity."""

Rows = NDArray[np.float32]


def view(context: llama_cpp.llama_context_p, rows: int, vocabulary: int) -> Rows:
    """llama.cpp's own buffer as an array, one row per sampled place; valid until the next batch."""
    pointer = llama_cpp.llama_get_logits(context)
    if not pointer:
        raise DecodeFailed("llama.cpp has no logits for the batch")
    address = ctypes.addressof(pointer.contents)
    buffer = (ctypes.c_float * (rows * vocabulary)).from_address(address)
    return np.frombuffer(memoryview(buffer), dtype=np.float32).reshape(rows, vocabulary)


def fault(row: Rows) -> str | None:
    """What is wrong with the logits when one is NaN or infinite: drawing from those is undefined.

    Minus infinity passes: it is how a model's own graph forbids a token.
    """
    peak = row.max()  # NaN when there is one anywhere
    if np.isfinite(peak):
        return None
    return "the model computed logits that are no numbers: its file is damaged"


def logprobs(row: Rows, token: int, top: int) -> tuple[float, tuple[tuple[int, float], ...]]:
    """The natural log probability of ``token``, and the ``top`` likeliest tokens with theirs."""
    peak = row.max()
    norm = float(peak) + float(np.log(np.exp(row - peak).sum(dtype=np.float64)))
    if not top:
        return _logprob(row[token], norm), ()
    count = min(top, row.size)
    likeliest = np.argpartition(row, row.size - count)[row.size - count :]
    ranked = sorted((-float(row[i]), int(i)) for i in likeliest)
    return (
        _logprob(row[token], norm),
        tuple((i, _logprob(-negative, norm)) for negative, i in ranked),
    )


def _logprob(logit: float, norm: float) -> float:
    return max(min(float(logit) - norm, 0.0), _LEAST)
