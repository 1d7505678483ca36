"""A batch of embeddings for one slot: what is seen goes to the model without being tokens."""

from __future__ import annotations

import ctypes

import llama_cpp
import numpy as np

from worker.runtimes.llama.batch import pointer
from worker.runtimes.llama.projector import Encoded


class EmbeddedBatch:
    """``count`` rows of a piece, from the row ``first`` on; ``handle`` is for ``llama_decode``.

    ``position`` is where the piece begins in the slot. With ``output`` there are logits after the
    last row.
    """

    def __init__(
        self, slot: int, encoded: Encoded, first: int, count: int, position: int, *, output: bool
    ) -> None:
        rows = slice(first, first + count)
        self._rows = encoded.rows[rows]
        self._positions = _positions(encoded, rows, position)
        self._counts = np.ones(count, dtype=np.int32)
        self._slot = np.array([slot], dtype=np.int32)
        self._slots = np.full(count, self._slot.ctypes.data, dtype=np.uint64)
        self._outputs = np.zeros(count, dtype=np.int8)
        self._outputs[-1] = output
        self.handle = llama_cpp.llama_batch(
            n_tokens=count,
            embd=pointer(self._rows, ctypes.c_float),
            pos=pointer(self._positions, llama_cpp.llama_pos),
            n_seq_id=pointer(self._counts, ctypes.c_int32),
            seq_id=pointer(self._slots, ctypes.POINTER(llama_cpp.llama_seq_id)),
            logits=pointer(self._outputs, ctypes.c_int8),
        )


def _positions(
    encoded: Encoded, rows: slice, begin: int
) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    if encoded.grid is None:
        return np.arange(begin + rows.start, begin + rows.stop, dtype=np.int32)
    grid = encoded.grid[:, rows].copy()
    grid[:3] += begin  # the fourth dimension is unused
    return np.ascontiguousarray(grid).ravel()
