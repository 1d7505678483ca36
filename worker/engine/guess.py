"""Guessing what comes next from what was said before: prompt lookup, without a second model.

Where an answer repeats its prompt (code that is edited, text that is quoted, JSON), the tokens
that followed the last three the time before follow them again. The runtime computes the guesses
along with the next token and keeps those that it would have drawn itself, so the answer is that of
one token at a time (up to rounding); a wrong guess costs what computing it cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

NGRAM = 3
"""Tokens that must agree: two agree by accident too often to pay."""


class Lookup:
    """Where each run of ``NGRAM`` tokens was last seen in one sequence."""

    def __init__(self, tokens: Sequence[int]) -> None:
        self._tokens: list[int] = []
        self._seen: dict[tuple[int, ...], int] = {}
        self._before: int | None = None
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """The sequence goes on with ``token``."""
        self._tokens.append(token)
        if len(self._tokens) < NGRAM:
            return
        last = tuple(self._tokens[-NGRAM:])
        self._before = self._seen.get(last)
        self._seen[last] = len(self._tokens)

    def guess(self, most: int) -> tuple[int, ...]:
        """The tokens that followed the last ones before: at most ``most``, perhaps none."""
        if self._before is None or most <= 0:
            return ()
        followed = self._tokens[self._before : self._before + most]
        # A picture followed: nothing that is drawn.
        return tuple(followed) if min(followed) >= 0 else tuple(takewhile(_is_text, followed))


def _is_text(token: int) -> bool:
    return token >= 0
