"""``python -m benchmarks``: measure, print the tables, and on request write the page."""

from __future__ import annotations

import time
from datetime import date
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import machine, report
from benchmarks.measurements import MEASUREMENTS
from benchmarks.rounds import Bench, Outcome
from benchmarks.stack import ROOT

PAGE = ROOT / "docs" / "benchmarks.md"
NAMES = ", ".join(measurement.name for measurement in MEASUREMENTS)

USUAL = ", ".join(measurement.name for measurement in MEASUREMENTS if measurement.usual)

console = Console()


def main(
    runs: Annotated[int, typer.Option(min=1, help="Rounds: how often each is measured.")] = 5,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Some of: {NAMES}; {USUAL} if left out.")
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Update docs/benchmarks.md.")] = False,
) -> None:
    """Measure Millrace beside its raw limits; nothing else should run meanwhile."""
    chosen = [each for each in MEASUREMENTS if (each.name in only if only else each.usual)]
    if not chosen or (only and len(chosen) < len(set(only))):
        raise typer.BadParameter(f"there are {NAMES}", param_hint="--only")
    began = time.monotonic()
    with Bench(chosen, lambda text: console.print(text, style="dim", soft_wrap=True)) as bench:
        for number in range(1, runs + 1):
            bench.round(f"{number}/{runs}")
    for outcome in bench.outcomes:
        console.print(table(outcome))
        console.print(report.quietness(outcome.taken, outcome.repeated), style="dim")
    console.print(f"{runs} rounds in {(time.monotonic() - began) / 60:.1f} minutes", style="dim")
    if write:
        when = f"{date.today().isoformat()}, {runs} rounds"  # noqa: DTZ011 - the reader's day
        page = report.replaced(PAGE.read_text(), "machine", report.facts_table(machine.facts()))
        for outcome in bench.outcomes:
            name = outcome.measurement.name
            page = report.replaced(page, name, report.markdown(outcome, when))
        PAGE.write_text(page)
        console.print(f"written: {PAGE.relative_to(ROOT)}")


def table(outcome: Outcome) -> Table:
    """The outcome on a terminal."""
    shown = Table(title=outcome.measurement.title, title_justify="left")
    for heading in report.header(outcome.measurement):
        shown.add_column(heading)
    for row in report.rows(outcome):
        shown.add_row(*row)
    return shown


if __name__ == "__main__":
    typer.run(main)
