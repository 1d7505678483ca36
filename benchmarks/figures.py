"""Statistics: pure, over plain lists of numbers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

# Per round, what one contender measured: metric -> value. A metric may be missing.
Sample = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of several rounds, and their extremes."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Median, least and most of at least one value."""
    return Spread(median(values), min(values), max(values))


def percentile(values: Sequence[float], percent: float) -> float:
    """The least value that ``percent`` of all are not above (nearest rank)."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * percent / 100) - 1, 0)]


def values_of(samples: Sequence[Sample], metric: str) -> list[float]:
    """The metric in every round that has it."""
    return [sample[metric] for sample in samples if metric in sample]


def ratio(samples: Sequence[Sample], base: Sequence[Sample], metric: str) -> Spread | None:
    """``samples`` over ``base``, divided round by round; None when no round has both."""
    pairs = zip(samples, base, strict=True)
    ratios = [ours[metric] / raw[metric] for ours, raw in pairs if metric in ours and metric in raw]
    return spread(ratios) if ratios else None


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer of a model: seconds on one clock, and how many tokens it has.

    Of ``drafted`` guessed tokens ``accepted`` held.
    """

    started_s: float
    first_s: float
    ended_s: float
    tokens: int
    prompt_tokens: int = 0
    drafted: int = 0
    accepted: int = 0


def tokens_per_s(answers: Sequence[Answered]) -> float:
    """Tokens of all answers over the time from the first start to the last end."""
    began = min(answer.started_s for answer in answers)
    ended = max(answer.ended_s for answer in answers)
    return sum(answer.tokens for answer in answers) / (ended - began)


def first_token_ms(answers: Sequence[Answered]) -> float:
    """Median time to first token."""
    return 1000 * median(answer.first_s - answer.started_s for answer in answers)


def durations_ms(answers: Sequence[Answered]) -> list[float]:
    """From start to end, of each."""
    return [1000 * (answer.ended_s - answer.started_s) for answer in answers]
