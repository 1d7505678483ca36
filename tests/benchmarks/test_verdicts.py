"""Figures, their bounds, and the table that keeps what was measured another day."""

from __future__ import annotations

import pytest

from benchmarks.figures import Sample
from benchmarks.measurement import Contender, Measurement, Target
from benchmarks.rounds import Outcome
from benchmarks.verdicts import NOT_MEASURED, markdown, measured, rows, verdict

FASTER = Target("speed", "speed", "ours", "theirs", must=0.95, goal=1.0)
SOONER = Target("wait", "wait", "ours", "theirs", must=1.0, goal=0.5, at_most=True)
ALONE = Target("gap", "gap", "ours", None, must=4, goal=2, at_most=True)


def outcome(**samples: list[Sample]) -> Outcome:
    """What was measured of two contenders."""
    names = ("ours", "theirs")
    contenders = tuple(Contender(name, lambda _: {}) for name in names)
    measurement = Measurement("m", "M", "", (), contenders, targets=(FASTER, SOONER, ALONE))
    return Outcome(measurement, samples=dict(samples))


@pytest.mark.parametrize(
    ("target", "found", "said"),
    [
        (FASTER, 1.0, "goal reached"),
        (FASTER, 0.96, "reached, goal not"),
        (FASTER, 0.94, "**not reached**"),
        (SOONER, 0.5, "goal reached"),
        (SOONER, 0.51, "reached, goal not"),
        (SOONER, 1.01, "**not reached**"),
    ],
)
def test_a_verdict_knows_which_way_is_better(target: Target, found: float, said: str) -> None:
    """More of a speed, less of a wait."""
    assert verdict(target, found) == said


def test_a_bound_is_met_by_the_figure_that_is_shown() -> None:
    """0.946 is shown as 0.95, and 0.944 as 0.94."""
    assert verdict(FASTER, 0.946) == "reached, goal not"
    assert verdict(FASTER, 0.944) == "**not reached**"


def test_a_figure_is_a_ratio_within_rounds_or_a_metric_itself() -> None:
    """A slow round that was slow for both does not change it."""
    found = outcome(
        ours=[{"speed": 1.0, "gap": 3.0}, {"speed": 20.0, "gap": 5.0}],
        theirs=[{"speed": 2.0}, {"speed": 40.0}],
    )
    of = {target.figure: measured(found, target) for target in (FASTER, SOONER, ALONE)}
    assert of["speed"] is not None
    assert of["gap"] is not None
    assert (of["speed"].least, of["speed"].most, of["gap"].median) == (0.5, 0.5, 4)
    assert of["wait"] is None


def test_without_the_peer_there_is_no_line() -> None:
    """Only what needs no peer is judged."""
    lines = rows([outcome(ours=[{"speed": 1.0, "gap": 3.0}])], "today")
    assert [line[0] for line in lines] == ["gap"]


def test_the_table_keeps_lines_that_were_not_measured_now() -> None:
    """New ones replace old ones of the same figure; what nobody measured says so."""
    first = rows([outcome(ours=[{"speed": 2.0, "gap": 3.0}], theirs=[{"speed": 1.0}])], "monday")
    page = markdown((FASTER, SOONER, ALONE), first, "Not yet measured.")
    second = rows([outcome(ours=[{"gap": 1.0}])], "tuesday")
    table = markdown((FASTER, SOONER, ALONE), second, page).splitlines()[2:]
    assert [line.split(" | ")[-1].removesuffix(" |") for line in table] == [
        "monday",
        "-",
        "tuesday",
    ]
    assert NOT_MEASURED in table[1]
