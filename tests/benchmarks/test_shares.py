"""Processor time, told apart by command line."""

from __future__ import annotations

from benchmarks.shares import part_of, per_token_ms


def test_parts_are_told_by_their_command() -> None:
    """The worker that is measured, and the ones that idle."""
    assert part_of("celery -A worker worker -Q chat.smollm2-135m -n x") == "worker"
    assert part_of("celery -A worker worker -Q chat.echo -n x") == "other parts"


def test_shares_are_per_token_and_sorted() -> None:
    """A part that began in between began at nothing."""
    shares = per_token_ms({"API": 1.0}, {"API": 1.1, "Redis": 0.2}, tokens=100)
    assert list(shares) == ["Redis", "API"]
    assert [round(share, 3) for share in shares.values()] == [2.0, 1.0]
