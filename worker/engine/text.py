"""Tokens to text that may leave: whole characters only, and no beginning of a stop string.

Deterministic in the tokens: a later attempt that pushes the same tokens has sent the same text
and holds the same text back.
"""

from __future__ import annotations

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from tasks.events import TokenLogprob


@dataclass(frozen=True, slots=True)
class Piece:
    """Text to send and the tokens that came with it; ``stopped`` when a stop string ended it."""

    ids: tuple[int, ...]
    text: str
    logprobs: tuple[TokenLogprob, ...]
    stopped: bool = False


class TextStream:
    """One choice's text, token by token."""

    def __init__(self, stop: Sequence[str] = ()) -> None:
        self._stop = tuple(stop)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""
        self._ids: list[int] = []
        self._logprobs: list[tuple[int, TokenLogprob]] = []

    def push(self, token: int, piece: bytes, logprob: TokenLogprob | None = None) -> Piece | None:
        """Add a token; what may leave now, or None while all of it is held back."""
        self._ids.append(token)
        if logprob is not None:
            self._logprobs.append((len(self._text), logprob))
        self._text += self._decoder.decode(piece)
        cut = first_stop(self._text, self._stop)
        if cut is not None:
            return self._leave(cut, stopped=True)
        safe = len(self._text) - held_back(self._text, self._stop)
        return self._leave(safe) if safe else None

    def flush(self) -> Piece | None:
        """All that was held back: the answer ends here without a stop string."""
        self._text += self._decoder.decode(b"", final=True)
        return self._leave(len(self._text)) if self._ids or self._text else None

    def _leave(self, cut: int, *, stopped: bool = False) -> Piece:
        logprobs = self._logprobs
        if stopped:
            # The stop string's own tokens are not part of the answer.
            logprobs = [(start, entry) for start, entry in logprobs if start < cut]
        piece = Piece(
            tuple(self._ids), self._text[:cut], tuple(entry for _, entry in logprobs), stopped
        )
        self._text = self._text[cut:]
        self._ids.clear()
        self._logprobs.clear()
        return piece


def first_stop(text: str, stop: Sequence[str]) -> int | None:
    """Where the stop string that is complete first begins.

    Not the one that begins first: which that is could change with the next token, and how the
    text is cut into tokens must not matter.
    """
    found = [(at + len(word), at) for word in stop if (at := text.find(word)) >= 0]
    return min(found)[1] if found else None


def held_back(text: str, stop: Sequence[str]) -> int:
    """Length of the longest end of ``text`` that could become a stop string."""
    longest = 0
    for word in stop:
        for length in range(min(len(word) - 1, len(text)), longest, -1):
            if text.endswith(word[:length]):
                longest = length
                break
    return longest
