"""How much is gathered before it is kept."""

from __future__ import annotations

from app.batches.gathered import MOST_BYTES, MOST_JOBS, Gathered
from app.batches.results import Results


def test_bytes_are_held_up_to_a_bound() -> None:
    """They are in the keeper's memory."""
    gathered = Gathered()
    gathered.add("first", Results(output=(b"x" * (MOST_BYTES - 1),)))
    assert not gathered.full
    gathered.add("second", Results(errors=(b"x",)))
    assert gathered.full


def test_jobs_are_held_up_to_a_bound() -> None:
    """Redis serves nobody while it counts and forgets them: 25 ms for two thousand."""
    gathered = Gathered()
    for number in range(MOST_JOBS):
        assert not gathered.full
        gathered.add(str(number), Results(output=(b"a short line\n",)))
    assert gathered.full
