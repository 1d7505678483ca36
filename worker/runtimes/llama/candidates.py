"""The tokens that a sampler chain chooses from, as the array that llama.cpp takes.

A chain that begins with top-k looks at 40 tokens of 49,152, and spends 0.2 ms on finding them, as
much as a tenth of a step. Here they are found by two passes of numpy: among the maxima of many
blocks of logits, the k-th largest is at most as large as the k-th largest logit. What is not below
it holds the k likeliest, and is seldom more than twice as many.
"""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np

from worker.runtimes.llama.logits import Rows

_BLOCK = 96
"""Logits per block: 512 maxima for 49,152 tokens, which keeps both passes short."""

_ENTRY = np.dtype([("id", np.int32), ("logit", np.float32), ("p", np.float32)])


class Candidates:
    """An array for one vocabulary, filled anew for every token that is drawn."""

    def __init__(self, vocabulary: int) -> None:
        self._entries = np.zeros(vocabulary, dtype=_ENTRY)
        self._ids = np.arange(vocabulary, dtype=np.int32)
        self._array = llama_cpp.llama_token_data_array(
            data=ctypes.cast(self._entries.ctypes.data, ctypes.POINTER(llama_cpp.llama_token_data)),
            size=0,
            selected=-1,
            sorted=False,
        )

    def fill(self, row: Rows, keeps: int) -> llama_cpp.llama_token_data_array:
        """The candidates of ``row``: at least its ``keeps`` likeliest, or all for 0."""
        ids = likeliest(row, keeps) if keeps else self._ids
        entries = self._entries[: len(ids)]
        entries["id"] = ids
        entries["logit"] = row if ids is self._ids else row[ids]
        entries["p"] = 0
        self._array.size = len(ids)
        self._array.selected = -1
        self._array.sorted = False
        return self._array


def likeliest(row: Rows, count: int) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """Ids, ascending, among which are the ``count`` with the largest logits."""
    whole = row.size - row.size % _BLOCK
    maxima = row[:whole].reshape(-1, _BLOCK).max(axis=1)
    if count > maxima.size // 2:
        return np.arange(row.size, dtype=np.int32)
    least = np.partition(maxima, maxima.size - count)[maxima.size - count]
    return np.flatnonzero(row >= least).astype(np.int32)
