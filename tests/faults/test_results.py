"""What was played is kept, and not played again."""

from __future__ import annotations

from pathlib import Path

from faults.results import Results
from faults.stamp import Stamp
from faults.trial import Trial

STAMP = Stamp("2026-11-22", "abc1234", "a machine")


def trial(number: int, row: str = "1", variant: str = "") -> Trial:
    """A trial of a row."""
    return Trial(number=number, row=row, variant=variant, accepted=1, recovery_s=0.5)


def test_a_run_goes_on_where_an_earlier_one_stopped(tmp_path: Path) -> None:
    """The trials that are missing are those that no earlier run wrote down, in any order."""
    first = Results(tmp_path / "deep" / "faults.jsonl")
    for number in (3, 1):
        first.add(trial(number), STAMP)
    second = Results(tmp_path / "deep" / "faults.jsonl")
    assert second.missing("1", "", 4) == [2, 4]
    assert second.entries == first.entries


def test_rows_and_variants_are_told_apart(tmp_path: Path) -> None:
    """A control's trials are not the row's."""
    results = Results(tmp_path / "faults.jsonl")
    results.add(trial(1, "7", "control"), STAMP)
    assert results.missing("7", "", 1) == [1]
    assert results.missing("7", "control", 1) == []
    assert results.missing("8", "control", 1) == [1]


def test_a_line_that_a_death_cut_short_is_played_again(tmp_path: Path) -> None:
    """Whatever of the last line reached the disk, the entries before it count."""
    file = tmp_path / "faults.jsonl"
    results = Results(file)
    results.add(trial(1), STAMP)
    results.add(trial(2), STAMP)
    file.write_bytes(file.read_bytes()[:-10])
    assert Results(file).missing("1", "", 2) == [2]


def test_what_follows_a_cut_line_is_kept(tmp_path: Path) -> None:
    """The next run's first entry does not end up behind half of another."""
    file = tmp_path / "faults.jsonl"
    Results(file).add(trial(1), STAMP)
    file.write_bytes(file.read_bytes()[:-10])
    Results(file).add(trial(1), STAMP)
    assert Results(file).missing("1", "", 1) == []


def test_a_row_begun_anew_forgets_its_own_trials_only(tmp_path: Path) -> None:
    """On the disk too."""
    file = tmp_path / "faults.jsonl"
    results = Results(file)
    for row in ("1", "2"):
        results.add(trial(1, row), STAMP)
    results.forget([("1", "")])
    for kept in (results, Results(file)):
        assert kept.missing("1", "", 1) == [1]
        assert kept.missing("2", "", 1) == []
