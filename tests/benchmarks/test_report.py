"""Outcomes as cells, and the page that holds them."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import PAGE
from benchmarks.measurement import Metric
from benchmarks.quiet import Taken
from benchmarks.report import cell, facts_table, markdown, marks, replaced, section
from benchmarks.rounds import Outcome
from benchmarks.tables import measurements

BARE = [{"speed": 200.0}, {"speed": 190.0}, {"speed": 210.0}]
SPEED = Metric("speed", "tokens/s")


def test_a_cell_has_median_spread_and_ratio() -> None:
    """The first row has no ratio: it is what the others are compared with."""
    ours = [{"speed": 100.0}, {"speed": 95.0}, {"speed": 210.0}]
    assert cell(BARE, BARE, SPEED) == "200 (190-210)"
    assert cell(ours, BARE, SPEED) == "100 (95-210), 0.50x"


def test_a_cell_of_what_was_not_measured_is_a_dash() -> None:
    """Some contenders cannot see their first token."""
    assert cell([{}], [{"speed": 1.0}], SPEED) == "-"


def test_a_section_has_a_row_for_each_contender() -> None:
    """In their order, below the headings."""
    measurement = measurements({})[0]
    outcome = Outcome(measurement)
    for contender in measurement.contenders:
        outcome.samples[contender.name] = [{each.key: 1.0 for each in measurement.metrics}]
    outcome.taken.append(Taken(others=0.01, load_1_min=1.0))
    lines = [line for line in markdown(outcome, "today").splitlines() if line.startswith("|")]
    names = [line.split("|")[1].strip() for line in lines]
    assert names == ["", "---", *(contender.name for contender in measurement.contenders)]


def test_the_page_keeps_what_was_written_by_hand() -> None:
    """Only what stands between a measurement's marks is replaced."""
    begin, end = marks("chat")
    written = replaced(f"before {begin} old {end} after", "chat", "new")
    assert written == f"before {begin}\n\nnew\n\n{end} after"
    assert section(written, "chat") == "new"


def test_a_page_without_marks_is_refused() -> None:
    """Rather than overwritten."""
    with pytest.raises(ValueError, match="chat: begin"):
        replaced("text", "chat", "new")


def test_facts_are_rows() -> None:
    """Name and value."""
    assert facts_table([("Kernel", "6")]).splitlines()[-1] == "| Kernel | 6 |"


def test_the_page_has_a_place_for_every_table() -> None:
    """So that an hour of measuring does not end in an error."""
    names = ["machine", "verdict", *(each.name for each in measurements({}))]
    assert all(section(PAGE.read_text(), name) for name in names)
