"""Durations in headers."""

from __future__ import annotations

import pytest

from app.limits.durations import duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0s"),
        (0.0200001, "20ms"),
        (0.0205, "21ms"),
        (0.9991, "1s"),
        (1, "1s"),
        (1.2, "2s"),
        (59.5, "1m0s"),
        (72.5, "1m13s"),
        (360, "6m0s"),
    ],
)
def test_a_duration_is_written_as_openai_does(seconds: float, text: str) -> None:
    """Never less than it is, and with no more digits than help."""
    assert duration(seconds) == text
