"""When the next try is due: soon at first, then rarer, over most of a day. Pure."""

from __future__ import annotations

import random

from app.webhooks.delivery import Outcome

_MINUTE_S = 60.0
_HOUR_S = 60 * _MINUTE_S

# Standard Webhooks' schedule, with one early try more; in all about 19 hours.
WAITS_S = (
    5.0,
    30.0,
    2 * _MINUTE_S,
    10 * _MINUTE_S,
    30 * _MINUTE_S,
    1 * _HOUR_S,
    2 * _HOUR_S,
    5 * _HOUR_S,
    10 * _HOUR_S,
)
# Receivers that were away come back to what was due meanwhile spread out, not all at once.
JITTER = 0.2
# A receiver may ask for patience, but not for a schedule that never ends.
LONGEST_S = 24 * _HOUR_S


def next_try_in_s(tries: int, outcome: Outcome) -> float | None:
    """Seconds until the next try after ``tries`` of them; None when there is none to come."""
    if outcome.kind != "failed" or tries > len(WAITS_S):
        return None
    wait_s = WAITS_S[tries - 1] * random.uniform(1 - JITTER, 1 + JITTER)
    return min(max(wait_s, outcome.retry_after_s or 0.0), LONGEST_S)
