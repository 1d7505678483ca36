"""How times and other people's text are written."""

from __future__ import annotations

import pytest

from console.wording import clean, moment, one_line, size, span


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"),
        (-1.0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (119.0, "119 s"),
        (120.0, "2 min"),
        (7_199.0, "120 min"),
        (7_200.0, "2 h"),
        (172_800.0, "2 d"),
    ],
)
def test_a_span_is_in_its_largest_unit_that_fits_twice(seconds: float | None, text: str) -> None:
    """And none is a dash."""
    assert span(seconds) == text


def test_a_moment_tells_its_distance() -> None:
    """Before or after now."""
    assert moment(0.0, 30.0) == "1970-01-01 00:00:00 UTC (30 s ago)"
    assert moment(60.0, 30.0) == "1970-01-01 00:01:00 UTC (in 30 s)"


def test_clean_text_keeps_what_can_be_read() -> None:
    """Letters of all languages, breaks and tabs; what commands a terminal is written out."""
    assert clean("Grüße, 世界 🙂\n\t") == "Grüße, 世界 🙂\n\t"
    assert clean("\x1b]0;x\x07\x9b\x7f\u202e") == "\\x1b]0;x\\x07\\x9b\\x7f\\u202e"
    assert one_line(" a\n b\r") == "a b\\r"


@pytest.mark.parametrize(
    ("number_bytes", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (10_189, "10 KiB"),
        (1_048_570, "1.0 MiB"),
        (1_288_490_189, "1.2 GiB"),
        (25_769_803_776, "24 GiB"),
        (2**52, "4096.0 TiB"),
    ],
)
def test_a_size_is_in_its_largest_unit(number_bytes: int, text: str) -> None:
    """What rounds to 1024 of one unit is one of the next."""
    assert size(number_bytes) == text
