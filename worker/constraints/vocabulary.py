"""A model's tokens as the grammar library wants them: a trie of bytes, and the tokens that end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from llguidance import LLTokenizer
from numpy.typing import NDArray

MOST_TOKENS = 1 << 20
"""More than any real vocabulary: the echo model's 67 million ids would take gigabytes."""


class Tokens(Protocol):
    """What is needed of a ``ChatRuntime``."""

    @property
    def vocabulary(self) -> int:
        """Token ids run from 0 to one less than this."""

    def piece(self, token: int) -> bytes:
        """The token's bytes; empty for control tokens."""

    def ends(self, token: int) -> bool:
        """Whether the model ends its answer with this token."""

    def tokenize(self, text: str, *, special: bool = False) -> list[int]:
        """Token ids of plain text."""


class Vocabulary:
    """The tokens of one model; costs 0.1 s for 49,152 of them, and 0.35 s for 151,936."""

    def __init__(self, runtime: Tokens) -> None:
        self.size = runtime.vocabulary
        self.ends = [token for token in range(self.size) if runtime.ends(token)]
        if not self.ends:
            raise ValueError("the model has no token that ends an answer")
        self.tokenizer = LLTokenizer(_Source(runtime, self.ends), eos_token=self.ends)  # type: ignore[arg-type]

    def only_ends(self) -> NDArray[np.bool_]:
        """The mask of an answer that is whole."""
        mask = np.zeros(self.size, dtype=np.bool_)
        mask[self.ends] = True
        return mask


class _Source:
    """The attributes that the library reads off a tokenizer."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, runtime: Tokens, ends: Sequence[int]) -> None:
        self._runtime = runtime
        self.eos_token_id = ends[0]
        self.special_token_ids: list[int] = []
        self.tokens: list[bytes] = []
        for token in range(runtime.vocabulary):
            piece = runtime.piece(token)
            if not piece or runtime.ends(token):
                self.special_token_ids.append(token)
                # No text has the byte 0xFF, so that no grammar of text allows the token.
                piece = b"\xff<%d>" % token
            self.tokens.append(piece)

    def __call__(self, text: str | bytes) -> list[int]:
        """Token ids of text, for the library's own use."""
        plain = text if isinstance(text, str) else text.decode("utf-8", "replace")
        return self._runtime.tokenize(plain)
