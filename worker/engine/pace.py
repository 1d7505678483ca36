"""How many tokens of prompts a step may take: running answers must keep flowing.

A step with a piece of a prompt lasts longer, and everybody who reads an answer waits for it. The
processor's time is therefore divided between answers on their way and prompts that wait, by their
numbers, but prompts get close to half at least: with four answers and one long prompt a step lasts
up to twice as long as without it. A prompt that is short beside a step goes at once: cutting it up
would let all wait longer. What a step and a prompt's token cost is measured as it goes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

LEAST = 2
"""Tokens of a prompt in every step: fewer are hardly cheaper, for the weights are read anyway."""

MOST = 512
"""Tokens of prompts in one step, when nobody waits for it but themselves; llama.cpp's own limit of
what it computes at once, so that more would gain nothing, and a step be heard of later."""

LONGEST_STEP_MS = 1000.0
"""A step that lasts longer would make cancelling and draining wait."""

SHORT_TOKENS = 64
SHORT_STEPS = 8.0
"""A prompt is short when it has so few tokens, or takes no longer than so many steps."""

LONG_SHARE = 0.7
"""Of a step's time, what a piece of a long prompt is planned for: late pieces last longer than the
ones before them told, for each token attends to more."""

TOGETHER_STEPS = 4.0
TOGETHER_TOKENS = 256
"""Short prompts that came together are computed together, for each by itself would read all weights
once more: as many as so many steps take, or so many tokens while more wait than are answered. Still
more at a time would hardly be computed faster, and the first of them would wait for the last."""

_STEP_TOKENS = 6
"""Tokens of a prompt that take as long as one step of one answer, until both are measured."""

_READING = 4.0
"""Answers that cost as much as reading the weights, which a step does once: with so many answers
a step takes twice as long as with none. A guess for numbers of answers not measured yet."""

_WEIGHT = 0.25
_WEIGHT_UP = 0.05
"""For steps that last longer than usual: what disturbs them (a prompt that is just being read by
another thread) is over before the estimate is used, and nothing may correct it for a while."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt that waits: ``left`` of the ``whole`` tokens that had to be computed."""

    left: int
    whole: int


@dataclass(slots=True)
class Pace:
    """Moving averages: a step's time by its number of answers, and that of a prompt's token."""

    steps_ms: dict[int, float] = field(default_factory=dict)
    token_ms: float | None = None

    def measured(self, answers: int, prompt_tokens: int, took_ms: float) -> None:
        """A step with so many ``answers`` and ``prompt_tokens`` took so long."""
        if not prompt_tokens:
            usual_ms = self.steps_ms.get(answers, took_ms)
            weight = _WEIGHT_UP if took_ms > usual_ms else _WEIGHT
            self.steps_ms[answers] = usual_ms + weight * (took_ms - usual_ms)
            return
        step_ms = self._step_ms(answers) if answers else 0.0
        if step_ms is not None:
            token_ms = max(took_ms - step_ms, 0.01) / prompt_tokens
            usual_ms = token_ms if self.token_ms is None else self.token_ms
            self.token_ms = usual_ms + _WEIGHT * (token_ms - usual_ms)

    def prompt_tokens(self, answers: int, prompts: Sequence[Prompt]) -> int:
        """The most tokens of ``prompts``, oldest first, for the next step."""
        if not prompts:
            return 0
        oldest = prompts[0]
        if self.token_ms is None:
            return min(oldest.left, MOST)
        step_ms = self._step_ms(max(answers, 1)) or _STEP_TOKENS * self.token_ms
        share_ms = step_ms * max(1.0, len(prompts) / max(answers, 1))
        if self._short(oldest, step_ms):
            most = int(max(share_ms, TOGETHER_STEPS * step_ms) / self.token_ms)
            if len(prompts) >= answers:
                most = max(most, TOGETHER_TOKENS)
            return self._together(prompts, step_ms, min(most, TOGETHER_TOKENS))
        if not answers:
            # The oldest prompt alone, if it is long enough: its answer begins the sooner.
            return self._bounded(max(oldest.left, 2 * LEAST), LONGEST_STEP_MS)
        return self._bounded(MOST, LONG_SHARE * share_ms)

    def _short(self, prompt: Prompt, step_ms: float) -> bool:
        assert self.token_ms is not None
        return prompt.whole <= SHORT_TOKENS or prompt.whole * self.token_ms <= SHORT_STEPS * step_ms

    def _together(self, prompts: Sequence[Prompt], step_ms: float, most: int) -> int:
        """The oldest, and those behind it that are short and fit whole."""
        taken = min(prompts[0].left, MOST)
        for prompt in prompts[1:]:
            if taken + prompt.left > most or not self._short(prompt, step_ms):
                break
            taken += prompt.left
        return taken

    def _step_ms(self, answers: int) -> float | None:
        """What a step without prompts takes, from the nearest number of answers measured."""
        if not self.steps_ms:
            return None
        nearest = min(self.steps_ms, key=lambda known: abs(known - answers))
        return self.steps_ms[nearest] * (_READING + answers) / (_READING + nearest)

    def _bounded(self, wanted: int, most_ms: float) -> int:
        assert self.token_ms is not None
        allowed = min(most_ms, LONGEST_STEP_MS) / self.token_ms
        return max(LEAST, min(wanted, _step_down(allowed), MOST))


def _step_down(tokens: float) -> int:
    """The next power of two below, or half way to the next.

    Coarse on purpose: pieces of the same lengths give the same rounding, and with it the same
    greedy answer, although the clock never says quite the same.
    """
    power = 1 << max(int(tokens).bit_length() - 1, 0)
    return power + power // 2 if tokens >= power + power // 2 else power
