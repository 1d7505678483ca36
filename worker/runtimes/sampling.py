"""Which sampling every chat runtime draws with, and which none does."""

from __future__ import annotations

import math

from tasks.jobs import Sampling

GREEDY_BELOW = 1e-3
"""Temperatures under this are greedy: dividing logits by less overflows to infinity and NaN."""

_LIMITS = {
    "temperature": (0.0, 100.0),
    "top_p": (0.0, 1.0),
    "min_p": (0.0, 1.0),
    "presence_penalty": (-100.0, 100.0),
    "frequency_penalty": (-100.0, 100.0),
    "repeat_penalty": (0.01, 100.0),
}
_BIAS_LIMIT = 1e4


def check(sampling: Sampling) -> None:
    """Raise ``ValueError`` for a field outside the range in which the arithmetic stays finite.

    The ranges are wider than OpenAI's, which the API enforces; these guard the process.
    """
    for field, (least, most) in _LIMITS.items():
        value = getattr(sampling, field)
        if not least <= value <= most:  # also false for NaN
            raise ValueError(f"{field} must be {least:g} to {most:g}, not {value}")
    for token, bias in sampling.logit_bias.items():
        if not math.isfinite(bias) or abs(bias) > _BIAS_LIMIT:
            raise ValueError(
                f"logit_bias of {token} must be within {_BIAS_LIMIT:g} of 0, not {bias}"
            )
