"""Figures beside what they must reach and what is their goal: a table over all measurements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.figures import Spread, ratio, spread, values_of
from benchmarks.measurement import Target
from benchmarks.rounds import Outcome

NAME = "verdict"
HEADER = ["figure", "measured", "must reach", "goal", "verdict", "when"]
NOT_MEASURED = "not measured"


def measured(outcome: Outcome, target: Target) -> Spread | None:
    """The target's figure over the rounds; None when a row that it needs is not there."""
    ours = outcome.samples.get(target.ours)
    if ours is None:
        return None
    if target.base is None:
        values = values_of(ours, target.metric)
        return spread(values) if values else None
    base = outcome.samples.get(target.base)
    return None if base is None else ratio(ours, base, target.metric)


def verdict(target: Target, median: float) -> str:
    """What the figure reaches."""
    if target.reaches(median, target.goal):
        return "goal reached"
    if target.reaches(median, target.must):
        return "reached, goal not"
    return "**not reached**"


def row(target: Target, found: Spread, when: str) -> list[str]:
    """The figure's line: median (least-most), bounds, verdict."""
    sign = "<=" if target.at_most else ">="
    return [
        target.figure,
        f"{found.median:.2f} ({found.least:.2f}-{found.most:.2f})",
        f"{sign} {target.must:.2f}",
        f"{sign} {target.goal:.2f}",
        verdict(target, found.median),
        when,
    ]


def rows(outcomes: Iterable[Outcome], when: str) -> list[list[str]]:
    """A line for each figure that was measured."""
    return [
        row(target, found, when)
        for outcome in outcomes
        for target in outcome.measurement.targets
        if (found := measured(outcome, target)) is not None
    ]


def markdown(targets: Iterable[Target], new: Sequence[Sequence[str]], old: str) -> str:
    """All figures in their order: new lines, else those that the ``old`` table has."""
    lines = {line.split(" | ")[0].removeprefix("| "): line for line in old.splitlines()}
    lines |= {cells[0]: _line(cells) for cells in new}
    return "\n".join(
        [
            _line(HEADER),
            _line(["---"] * len(HEADER)),
            *(lines.get(target.figure) or _blank(target) for target in targets),
        ]
    )


def _blank(target: Target) -> str:
    cells = row(target, Spread(0, 0, 0), "-")
    return _line([cells[0], "-", *cells[2:4], NOT_MEASURED, "-"])


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
