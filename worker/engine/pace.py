"""How many tokens of prompts a step may take: running answers must keep flowing.

A step with a piece of a prompt lasts longer, and everybody who reads an answer waits for it. The
processor's time is therefore divided between answers on their way and prompts that wait, by their
numbers, but prompts get half at least: with four answers and one prompt a step lasts twice as long
as without the prompt, with one answer and seven prompts eight times. What a step and a prompt's
token cost is measured as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 16
"""Tokens of a prompt in every step: fewer are hardly cheaper, for the weights are read once."""

MOST = 512
"""Tokens of prompts in one step, when nobody waits for it but themselves; llama.cpp's own limit of
what it computes at once, so that more would gain nothing, and a step be heard of later."""

LONGEST_STEP_MS = 1000.0
"""A step that lasts longer would make cancelling and draining wait."""

_STEP_TOKENS = 6
"""Tokens of a prompt that take as long as one step of one answer, until both are measured."""

_WEIGHT = 0.25


@dataclass(slots=True)
class Pace:
    """Moving averages of what a step costs; ``None`` until one was measured."""

    step_ms: float | None = None
    token_ms: float | None = None

    def measured(self, answers: int, prompt_tokens: int, took_ms: float) -> None:
        """A step with so many ``answers`` and ``prompt_tokens`` took so long."""
        if not prompt_tokens:
            self.step_ms = _blend(self.step_ms, took_ms)
        elif not answers:
            self.token_ms = _blend(self.token_ms, took_ms / prompt_tokens)
        elif self.step_ms is not None:
            self.token_ms = _blend(self.token_ms, max(took_ms - self.step_ms, 0.01) / prompt_tokens)

    def prompt_tokens(self, answers: int, prompts: Sequence[int]) -> int:
        """The most tokens of ``prompts`` (their lengths, oldest first) for the next step."""
        if not prompts:
            return 0
        if not answers:
            # The oldest prompt alone, if it is long enough: its answer begins the sooner.
            wanted = max(prompts[0], 2 * LEAST)
            return self._bounded(wanted, LONGEST_STEP_MS)
        step_ms = self.step_ms
        if step_ms is None:
            # No step without a prompt was seen yet: one reads all weights for its few rows.
            step_ms = _STEP_TOKENS * (self.token_ms or 1.0)
        return self._bounded(MOST, step_ms * max(1.0, len(prompts) / answers))

    def _bounded(self, wanted: int, most_ms: float) -> int:
        if self.token_ms is None:
            return min(wanted, MOST)
        allowed = min(most_ms, LONGEST_STEP_MS) / self.token_ms
        return max(LEAST, min(wanted, _step_down(allowed), MOST))


def _step_down(tokens: float) -> int:
    """The next power of two below, or half way to the next.

    Coarse on purpose: pieces of the same lengths give the same rounding, and with it the same
    greedy answer, although the clock never says quite the same.
    """
    power = 1 << max(int(tokens).bit_length() - 1, 0)
    return power + power // 2 if tokens >= power + power // 2 else power


def _blend(old: float | None, new: float) -> float:
    return new if old is None else old + _WEIGHT * (new - old)
