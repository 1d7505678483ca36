"""Durations as OpenAI's headers write them: ``20ms``, ``1s``, ``6m0s``. Pure."""

from __future__ import annotations

import math


def duration(seconds: float) -> str:
    """``seconds``, never less: whole milliseconds below a second, whole seconds above."""
    # What is a millionth above is what arithmetic leaves.
    ms = math.ceil(seconds * 1000 - 1e-3)
    if ms <= 0:
        return "0s"
    if ms < 1000:
        return f"{ms}ms"
    minutes, rest_s = divmod(math.ceil(ms / 1000), 60)
    return f"{minutes}m{rest_s}s" if minutes else f"{rest_s}s"
