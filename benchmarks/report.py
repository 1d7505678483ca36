"""Outcomes as rows of text, and rows as Markdown. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.figures import Sample, Spread, ratio, spread, values_of
from benchmarks.measurement import Measurement, Metric
from benchmarks.quiet import Taken
from benchmarks.rounds import Outcome


def header(measurement: Measurement) -> list[str]:
    """The headings of a table."""
    return ["", *(metric.heading for metric in measurement.metrics)]


def rows(outcome: Outcome) -> list[list[str]]:
    """A row per contender: its name, then a cell per metric."""
    base = outcome.samples[outcome.measurement.contenders[0].name]
    return [
        [name, *(cell(samples, base, metric) for metric in outcome.measurement.metrics)]
        for name, samples in outcome.samples.items()
    ]


def cell(samples: Sequence[Sample], base: Sequence[Sample], metric: Metric) -> str:
    """Median (least-most), and behind it the ratio to the first row."""
    values = values_of(samples, metric.key)
    if not values:
        return "-"
    text = shown(spread(values), metric.decimals)
    if samples is base:
        return text
    compared = ratio(samples, base, metric.key)
    return text if compared is None else f"{text}, {compared.median:.2f}x"


def shown(figures: Spread, decimals: int) -> str:
    """``158 (150-165)``."""
    return (
        f"{figures.median:.{decimals}f} ({figures.least:.{decimals}f}-{figures.most:.{decimals}f})"
    )


def quietness(taken: Sequence[Taken], repeated: int) -> str:
    """How far the machine was shared while the figures were taken."""
    others = spread([each.others for each in taken])
    loads = spread([each.load_1_min for each in taken])
    return (
        f"Processor time taken by others: {others.median:.0%} in the middle, at most "
        f"{others.most:.0%}; load (1 min) {loads.least:.1f}-{loads.most:.1f}, our own included; "
        f"repeated because of others: {repeated}."
    )


def markdown(outcome: Outcome, when: str) -> str:
    """What and how, the table, what it lacks, the machine's quiet."""
    measurement = outcome.measurement
    lines = [header(measurement), ["---"] * (len(measurement.metrics) + 1), *rows(outcome)]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    quiet = quietness(outcome.taken, outcome.repeated)
    lacks = "".join(f" {sentence}" for sentence in measurement.lacks)
    return f"{measurement.how}\n\n{table}\n\nMeasured {when}. {quiet}{lacks}"


def facts_table(facts: Sequence[tuple[str, str]]) -> str:
    """The machine, a row per fact."""
    return "\n".join(["| | |", "|---|---|", *(f"| {name} | {value} |" for name, value in facts)])


def marks(name: str) -> tuple[str, str]:
    """Between these two comments the page has what was measured under ``name``."""
    return f"<!-- {name}: begin -->", f"<!-- {name}: end -->"


def section(page: str, name: str) -> str:
    """What stands between the marks of ``name``; raises ``ValueError`` where there are none."""
    return _around(page, name)[1].strip()


def replaced(page: str, name: str, text: str) -> str:
    """``page`` with what stands between the marks of ``name`` replaced by ``text``."""
    begin, end = marks(name)
    head, _, tail = _around(page, name)
    return f"{head}{begin}\n\n{text}\n\n{end}{tail}"


def _around(page: str, name: str) -> tuple[str, str, str]:
    begin, end = marks(name)
    head, found, rest = page.partition(begin)
    inside, closed, tail = rest.partition(end)
    if not found or not closed:
        raise ValueError(f"the page has no {begin} ... {end}")
    return head, inside, tail
