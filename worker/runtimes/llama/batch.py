"""The batch that all slots share: arrays that llama.cpp reads in place, filled anew every step."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import llama_cpp
import numpy as np
from numpy.typing import NDArray


class Batch:
    """Room for ``size`` tokens of any slots; ``handle`` is what ``llama_decode`` takes."""

    def __init__(self, size: int, slots: int) -> None:
        self._tokens = np.zeros(size, dtype=np.int32)
        self._positions = np.zeros(size, dtype=np.int32)
        self._outputs = np.zeros(size, dtype=np.int8)
        self._counts = np.ones(size, dtype=np.int32)
        # Every token names its slot by the address of an array of ids, here of one id each.
        self._slots = np.arange(slots, dtype=np.int32)
        self._addresses = self._slots.ctypes.data + 4 * np.arange(slots, dtype=np.uint64)
        self._slot_of = np.zeros(size, dtype=np.uint64)
        self._ramp = np.arange(size, dtype=np.int32)
        self._size = size
        self.used = 0
        self.outputs: list[int] = []
        self.handle = llama_cpp.llama_batch(
            token=pointer(self._tokens, llama_cpp.llama_token),
            pos=pointer(self._positions, llama_cpp.llama_pos),
            n_seq_id=pointer(self._counts, ctypes.c_int32),
            seq_id=pointer(self._slot_of, ctypes.POINTER(llama_cpp.llama_seq_id)),
            logits=pointer(self._outputs, ctypes.c_int8),
        )

    def clear(self) -> None:
        """Begin the next step."""
        self._outputs[: self.used] = 0
        self.used = 0
        self.outputs = []

    def add(self, slot: int, tokens: Sequence[int], position: int, *, outputs: int) -> None:
        """Append ``tokens`` to ``slot`` from ``position`` on, with logits after the last few.

        ``outputs`` says after how many. Raises ``ValueError`` when they do not fit.
        """
        start, stop = self.used, self.used + len(tokens)
        if stop > self._size:
            raise ValueError(f"a batch holds {self._size} tokens, not {stop}")
        if stop - start == 1:  # a decoding slot: scalars are written four times as fast as slices
            self._tokens[start] = tokens[0]
            self._positions[start] = position
            self._slot_of[start] = self._addresses[slot]
        else:
            self._tokens[start:stop] = tokens
            np.add(self._ramp[: stop - start], position, out=self._positions[start:stop])
            self._slot_of[start:stop] = self._addresses[slot]
        if outputs:
            self._outputs[stop - outputs : stop] = 1
            self.outputs.extend(range(stop - outputs, stop))
        self.used = stop
        self.handle.n_tokens = stop


def pointer(array: NDArray[Any], kind: Any) -> Any:
    """The array's data as what C functions take; valid as long as the array."""
    return ctypes.cast(array.ctypes.data, ctypes.POINTER(kind))
