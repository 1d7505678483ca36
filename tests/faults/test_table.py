"""What the trials of a row come to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec
import pytest

from faults import table
from faults.results import Entry
from faults.row import Row
from faults.stamp import Stamp
from faults.trial import Trial
from faults.yard import Yard

STAMP = Stamp("2026-11-22", "abc1234", "a machine")


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """Nothing."""
    yield from ()


ROW = Row(key="1", title="kill", full=3, small=1, play=play)
CONTROL = Row(
    key="1", title="kill", full=3, small=1, play=play, variant="control", expected_to_fail=True
)


def entries(*trials: Trial) -> list[Entry]:
    """The trials as they are kept."""
    return [Entry(trial, STAMP) for trial in trials]


def good(number: int, recovery_s: float | None = None) -> Trial:
    """A trial without a breach."""
    return Trial(number=number, accepted=2, recovery_s=recovery_s)


@pytest.mark.parametrize("kind", ["lost", "doubled_ends", "doubled_runs", "stuck", "broken"])
def test_one_breach_of_any_kind_fails_a_row(kind: str) -> None:
    """In one trial of many."""
    bad = msgspec.structs.replace(good(3), **{kind: 1})
    assert table.verdict(ROW, entries(good(1), good(2), bad), 3) == "FAIL (1 of 3)"


def test_a_row_passes_when_all_trials_were_played() -> None:
    """Before that it passes so far, which is no pass."""
    assert table.verdict(ROW, entries(good(1), good(2), good(3)), 3) == "pass"
    partly = table.verdict(ROW, entries(good(1)), 3)
    assert not table.accepted(partly)
    assert not table.accepted(table.verdict(ROW, [], 3))


def test_a_control_passes_when_it_fails() -> None:
    """A check that saw nothing where the protection was off proves nothing."""
    bad = Trial(number=1, accepted=2, lost=1)
    assert table.accepted(table.verdict(CONTROL, entries(bad, good(2), good(3)), 3))
    assert not table.accepted(table.verdict(CONTROL, entries(good(1), good(2), good(3)), 3))


def test_a_line_adds_up_its_trials() -> None:
    """Counts are sums, times percentiles of the trials that have one."""
    trials = [good(1, 0.5), good(2, 1.0), Trial(number=3, accepted=1, stuck=2)]
    assert table.line(ROW, entries(*trials), 3) == [
        *("1", "kill", "3", "5", "0", "0", "0", "2", "0", "0.5/1.0 s", "FAIL (1 of 3)"),
    ]


def test_percentiles_are_values_that_were_measured() -> None:
    """The smallest one that so many percent do not exceed."""
    assert table.percentile([5.0, 1.0, 2.0, 3.0, 4.0], 50) == 3.0
    assert table.percentile([float(i) for i in range(1, 101)], 95) == 95.0
    assert table.percentile([7.0], 95) == 7.0


def test_the_page_is_replaced_between_its_marks() -> None:
    """What stands around them stays; a page without them is refused."""
    page = "before\n<!-- faults: begin -->\nold\n<!-- faults: end -->\nafter\n"
    new = table.replaced(page, table.markdown([(ROW, entries(good(1)))]))
    assert new.startswith("before\n<!-- faults: begin -->\n\n| row |")
    assert new.endswith("<!-- faults: end -->\nafter\n")
    assert "old" not in new
    with pytest.raises(ValueError, match="begin"):
        table.replaced("no marks", "text")


def test_a_page_says_what_each_row_does() -> None:
    """In the words of its play, with what the last trial noted."""
    noted = msgspec.structs.replace(good(2), note="7 of 8")
    assert "\n- **1**: Nothing. Noted last: 7 of 8.\n" in table.markdown([(ROW, entries(noted))])


def test_a_page_says_when_and_on_what() -> None:
    """All days, commits and machines of its trials."""
    other = Entry(good(2), Stamp("2026-11-24", "def5678", "a machine"))
    assert table.played([*entries(good(1)), other]) == (
        "Played 2026-11-22 to 2026-11-24 at abc1234, def5678 on a machine."
    )
