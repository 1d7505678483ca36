"""How a log probability is shown, wherever one is."""

from __future__ import annotations

IMPOSSIBLE = -9999.0
"""OpenAI's log probability of what cannot happen; JSON has no infinity."""


def bounded(logprob: float) -> float:
    """``logprob`` as a number that JSON has.

    Rounding can leave a certain token a hair above 0, and a banned one is minus infinity.
    """
    return min(logprob, 0.0) if logprob > IMPOSSIBLE else IMPOSSIBLE
