"""How likely the tokens of prompts were, told as they are fed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from worker.runtimes.base import Scored
from worker.runtimes.llama import logits


class Scores:
    """``told`` is per slot what the last batch told; a prompt may go on in the next."""

    def __init__(self) -> None:
        self.told: dict[int, list[Scored]] = {}
        # Per slot, the logits after the last token that was scored: they tell of the next one.
        self._before: dict[int, logits.Rows] = {}

    def begin(self) -> None:
        """The next batch."""
        self.told = {}

    def forget(self, slot: int) -> None:
        """What is fed next does not follow what was scored last."""
        self._before.pop(slot, None)

    def add(self, slot: int, tokens: Sequence[int], rows: logits.Rows, top: int) -> None:
        """``tokens`` were fed, with the logits ``rows`` after each; ``top`` others are named."""
        before = self._before.get(slot)
        found: list[Scored] = []
        for token, row in zip(tokens, rows, strict=True):
            if before is None:
                found.append(Scored(token, None))
            else:
                found.append(Scored(token, *logits.logprobs(before, token, top)))
            before = row
        self.told[slot] = found
        self._before[slot] = np.array(rows[-1])
