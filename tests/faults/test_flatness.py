"""What counts as growth."""

from __future__ import annotations

from faults.flatness import MIB, ends, too_much


def test_start_and_end_are_middles_and_no_single_peak() -> None:
    """Of the first and the last fifth."""
    assert ends([10, 11, 900, 10, 11, 10, 11, 10, 10, 11, 12, 12, 12, 700, 12]) == (11, 12)
    assert ends([]) == (0, 0)
    assert ends([7]) == (7, 7)


def test_a_leak_is_seen_and_a_peak_is_not() -> None:
    """Growth is more than a share and more than what an allocator keeps."""
    assert too_much(100 * MIB, 130 * MIB)
    assert not too_much(100 * MIB, 110 * MIB)
    assert not too_much(5 * MIB, 9 * MIB)
