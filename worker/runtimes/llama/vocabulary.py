"""The model's vocabulary: text to token ids and back. All of it may be called from any thread."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterable

import llama_cpp

from worker.runtimes.errors import InvalidPrompt

_PIECE_BYTES = 64
_MAX_TEXT_BYTES = 64 << 20
_CONTROL = llama_cpp.LLAMA_TOKEN_ATTR_CONTROL | llama_cpp.LLAMA_TOKEN_ATTR_UNKNOWN


class Vocabulary:
    """A view of the model's vocabulary, with every token's bytes read out once."""

    def __init__(self, handle: llama_cpp.llama_vocab_p) -> None:
        self._handle = handle
        self.size = int(llama_cpp.llama_vocab_n_tokens(handle))
        tokens = range(self.size)
        control = [t for t in tokens if llama_cpp.llama_vocab_get_attr(handle, t) & _CONTROL]
        self._control_text = {t: self._text(t) for t in control}
        self.end_tokens = frozenset(t for t in tokens if llama_cpp.llama_vocab_is_eog(handle, t))
        self.suppressed = self._suppressed()
        self._pieces = [self._piece(t) for t in tokens]
        self.bos = llama_cpp.llama_vocab_bos(handle)
        self.adds_bos = bool(llama_cpp.llama_vocab_get_add_bos(handle)) and self.bos >= 0
        self.bos_text = self._text(self.bos) if self.bos >= 0 else ""
        eos = llama_cpp.llama_vocab_eos(handle)
        self.eos_text = self._text(eos) if eos >= 0 else ""
        markup = sorted({text for text in self._control_text.values() if text}, key=len)
        self.markup = re.compile("|".join(map(re.escape, reversed(markup))) or r"(?!)")

    def tokenize(self, text: str, *, special: bool) -> list[int]:
        """Ids of ``text`` and nothing around it; with ``special``, markup becomes control tokens.

        A lone surrogate, which JSON can smuggle in, has no bytes: it is read as a question mark.
        """
        data = text.encode("utf-8", "replace")
        if len(data) > _MAX_TEXT_BYTES:
            raise InvalidPrompt(f"The text has {len(data)} bytes; {_MAX_TEXT_BYTES} are read.")
        room = len(data) + 8
        while True:
            buffer = (llama_cpp.llama_token * room)()
            count = llama_cpp.llama_tokenize(
                self._handle, data, len(data), buffer, room, False, special
            )
            if count >= 0:
                return buffer[:count]
            room = -count

    def piece(self, token: int) -> bytes:
        """The bytes of ``token``; empty for control tokens and for ids that there are not."""
        return self._pieces[token] if 0 <= token < self.size else b""

    def _piece(self, token: int) -> bytes:
        if token in self._control_text:
            return b""
        room = _PIECE_BYTES
        while True:
            buffer = ctypes.create_string_buffer(room)
            length = llama_cpp.llama_token_to_piece(self._handle, token, buffer, room, 0, False)
            if length >= 0:
                return buffer.raw[:length]
            room = -length

    def _text(self, token: int) -> str:
        return (llama_cpp.llama_vocab_get_text(self._handle, token) or b"").decode(
            "utf-8", "replace"
        )

    def _suppressed(self) -> frozenset[int]:
        """Tokens that the model's file says must never be drawn."""
        count = ctypes.c_int32(0)
        found = llama_cpp.llama_vocab_get_suppress_tokens(self._handle, ctypes.byref(count))
        tokens: Iterable[int] = (found[i] for i in range(count.value)) if found else ()
        return frozenset(tokens)
