"""The part of a model that sees: llama.cpp's ``mtmd``, from pixels to embeddings.

Only its loader, its preprocessing and its encoder are used; what leads from embeddings to an
answer is the runtime's own. Pictures may be cut up in any number of threads; they are encoded in
the one thread that computes.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import weakref
from dataclasses import dataclass
from pathlib import Path

import llama_cpp
import numpy as np
from llama_cpp import mtmd_cpp as mtmd
from numpy.typing import NDArray

from worker.runtimes import gguf
from worker.runtimes.errors import DecodeFailed, InvalidPrompt, LoadFailed
from worker.runtimes.gguf_walk import Walk
from worker.runtimes.images import Pixels
from worker.runtimes.llama import library

_IN_CONTEXT = frozenset({"deepseek4v", "hunyuanvl"})
"""Projectors for which a picture is another one according to what stands before it."""

_LARGE_AND_WHOLE = frozenset({"gemma4v", "gemma4uv"})
"""Projectors whose pieces have to be computed at once, and can be told how large they may be."""

_SIDES = (32, 2048)
"""Of a picture in one piece, and of one in many."""


@dataclass(frozen=True, slots=True)
class Words:
    """Tokens of text that the model wants around a picture, or between its pieces."""

    tokens: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A piece of a picture, which so many embeddings make up."""

    count: int


@dataclass(frozen=True, slots=True)
class Encoded:
    """A piece as the language model takes it, one row per position.

    Where positions have more than one dimension, ``grid`` has those of each row, counted from the
    first, and ``span`` tells how far behind that the text goes on.
    """

    rows: NDArray[np.float32]
    span: int
    grid: NDArray[np.int32] | None = None

    @property
    def size_bytes(self) -> int:
        """Memory that it takes."""
        return self.rows.nbytes


class Cut:
    """A picture cut into chunks as ``mtmd`` made them; they are freed with this object."""

    def __init__(self, handle: mtmd.mtmd_input_chunks_p) -> None:
        weakref.finalize(self, mtmd.mtmd_input_chunks_free, handle).atexit = False
        numbers = range(mtmd.mtmd_input_chunks_size(handle))
        self._chunks = [mtmd.mtmd_input_chunks_get(handle, number) for number in numbers]

    @property
    def layout(self) -> tuple[Words | Piece, ...]:
        """What the picture becomes in a prompt."""
        return tuple(map(_part, self._chunks))

    @property
    def pieces(self) -> list[mtmd.mtmd_input_chunk_p]:
        """The pieces, without the words between them; valid as long as this object."""
        return [chunk for chunk in self._chunks if isinstance(_part(chunk), Piece)]


class Projector:
    """The contents of an mmproj file, for one language model; ``close`` frees them."""

    def __init__(
        self, path: Path, model: llama_cpp.llama_model_p, *, threads: int, gpu: bool, most: int
    ) -> None:
        """``most`` is how many positions the language model computes at once.

        Raises ``LoadFailed`` for what ``model`` cannot see with.
        """
        gguf.check(path)
        kind = _kind(path)
        if kind in _IN_CONTEXT:
            raise LoadFailed(f"{path} is a projector of the kind {kind}, which is not served")
        library.hear_mtmd()
        library.forget_log()
        params = mtmd.mtmd_context_params_default()
        params.use_gpu = gpu
        params.n_threads = threads
        params.print_timings = False
        if kind in _LARGE_AND_WHOLE:
            params.image_max_tokens = most
        handle = mtmd.mtmd_init_from_file(os.fsencode(path), model, params)
        if not handle:
            raise LoadFailed(f"{path} is no mmproj for this model: {library.reason()}")
        self._handle: mtmd.mtmd_context_p = handle
        if not mtmd.mtmd_support_vision(handle):
            self.close()
            raise LoadFailed(f"{path} is an mmproj for sound, and only pictures are served")
        if not self._has_words():
            self.close()
            raise LoadFailed(f"{path} is no mmproj for this model, which lacks its words")
        self._width = int(llama_cpp.llama_model_n_embd_inp(model))
        self._most = most
        self.whole = bool(mtmd.mtmd_decode_use_non_causal(handle, None))
        self.flat = not mtmd.mtmd_decode_use_mrope(handle)

    def layout(self, width: int, height: int) -> tuple[Words | Piece, ...]:
        """What a picture of that size becomes in a prompt; its pixels are not looked at."""
        layout = self._cut(width, height, None).layout
        largest = max(part.count for part in layout if isinstance(part, Piece))
        if self.whole and largest > self._most:
            raise InvalidPrompt(
                f"An image of {width} x {height} pixels is {largest} tokens that belong together,"
                f" and the model computes {self._most} at once: make it smaller."
            )
        return layout

    def cut(self, pixels: Pixels) -> Cut:
        """The picture made ready to be encoded."""
        return self._cut(pixels.width, pixels.height, pixels.rgb)

    def encode(self, chunk: mtmd.mtmd_input_chunk_p) -> Encoded:
        """Compute a piece; for the thread that computes. Raises ``DecodeFailed``."""
        library.forget_log()
        if mtmd.mtmd_encode_chunk(self._handle, chunk):
            raise DecodeFailed(f"a picture could not be encoded: {library.reason()}")
        count = int(mtmd.mtmd_input_chunk_get_n_tokens(chunk))
        found = mtmd.mtmd_get_output_embd(self._handle)
        rows = np.ctypeslib.as_array(found, shape=(count, self._width)).copy()
        if not np.isfinite(rows).all():
            raise DecodeFailed("a picture was encoded as what are no numbers: its file is damaged")
        span = int(mtmd.mtmd_input_chunk_get_n_pos(chunk))
        return Encoded(rows, span, None if self.flat else _grid(chunk, count))

    def close(self) -> None:
        """Return the memory; nothing may be called afterwards."""
        mtmd.mtmd_free(self._handle)

    def _has_words(self) -> bool:
        """Whether the vocabulary has what stands around pictures of any size."""
        parts = (part for side in _SIDES for part in self._cut(side, side, None).layout)
        return all(min(part.tokens) >= 0 for part in parts if isinstance(part, Words))

    def _cut(self, width: int, height: int, rgb: bytes | None) -> Cut:
        # Without pixels `mtmd` goes the same way and only counts.
        data = ctypes.cast(ctypes.c_char_p(rgb), ctypes.POINTER(ctypes.c_uint8)) if rgb else None
        bitmap = mtmd.mtmd_bitmap_init(width, height, data)
        chunks = mtmd.mtmd_input_chunks_init()
        part = mtmd.mtmd_input_part(text=None, bitmap=bitmap)
        parts = (ctypes.POINTER(mtmd.mtmd_input_part) * 1)(ctypes.pointer(part))
        code = mtmd.mtmd_tokenize_from_parts(self._handle, chunks, parts, 1, False)
        mtmd.mtmd_bitmap_free(bitmap)
        cut = Cut(chunks)
        if code or not cut.pieces:
            raise InvalidPrompt(f"The model cannot take an image of {width} x {height} pixels.")
        return cut


def _kind(path: Path) -> str:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        facts = Walk(data).contents().facts
    return str(facts.get("clip.vision.projector_type") or facts.get("clip.projector_type") or "")


def _part(chunk: mtmd.mtmd_input_chunk_p) -> Words | Piece:
    if mtmd.mtmd_input_chunk_get_type(chunk) != mtmd.MTMD_INPUT_CHUNK_TYPE_TEXT:
        return Piece(int(mtmd.mtmd_input_chunk_get_n_tokens(chunk)))
    count = ctypes.c_size_t(0)
    tokens = mtmd.mtmd_input_chunk_get_tokens_text(chunk, ctypes.byref(count))
    return Words(tuple(tokens[: count.value]))


def _grid(chunk: mtmd.mtmd_input_chunk_p, count: int) -> NDArray[np.int32]:
    places = np.zeros((count, 4), dtype=np.int32)
    address = places.ctypes.data_as(ctypes.POINTER(mtmd.mtmd_decoder_pos))
    image = mtmd.mtmd_input_chunk_get_tokens_image(chunk)
    mtmd.mtmd_helper_image_get_decoder_pos(image, 0, address)
    # From the order in which `mtmd` names them (time, x, y, unused) to that of a batch.
    return np.ascontiguousarray(places[:, (0, 2, 1, 3)].T)
