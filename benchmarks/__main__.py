"""``python -m benchmarks``: measure, print the tables, and on request write the page."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from datetime import date
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks import machine, peers, report, verdicts
from benchmarks.measurement import Measurement
from benchmarks.rounds import Bench, Outcome
from benchmarks.stack import ROOT
from benchmarks.tables import measurements

PAGE = ROOT / "docs" / "benchmarks.md"
NAMES = ", ".join(each.name for each in measurements({}))
USUAL = ", ".join(each.name for each in measurements({}) if each.usual)
PEERS = ", ".join(peers.HOW_TO_GET)

# In a file there is room for a table's cells.
console = Console(width=None if sys.stdout.isatty() else 200)


def main(
    runs: Annotated[int, typer.Option(min=1, help="Rounds: how often each is measured.")] = 3,
    only: Annotated[
        list[str] | None, typer.Option(help=f"Some of: {NAMES}; {USUAL} if left out.")
    ] = None,
    peer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=WHERE",
            help=f"A server to compare with, one of {PEERS}: a program to start, or the URL of "
            f"one that runs. {peers.VARIABLE} is a program too.",
        ),
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Update docs/benchmarks.md.")] = False,
    hasty: Annotated[
        bool,
        typer.Option("--hasty", help="Wait for nobody and repeat nothing: to see that it works."),
    ] = False,
) -> None:
    """Measure Millrace beside its raw limits and its peers; nothing else should run meanwhile."""
    try:
        every = measurements(peers.parsed(peer or [], os.environ))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--peer") from error
    chosen = [each for each in every if (each.name in only if only else each.usual)]
    if not chosen or (only and len(chosen) < len(set(only))):
        raise typer.BadParameter(f"there are {NAMES}", param_hint="--only")
    for sentence in dict.fromkeys(sentence for each in chosen for sentence in each.lacks):
        console.print(sentence, soft_wrap=True)
    began = time.monotonic()
    # Else the servers that were started would outlive it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Bench(chosen, progress, patient=not hasty) as bench:
        for number in range(1, runs + 1):
            bench.round(f"{number}/{runs}")
    rounds = "1 round" if runs == 1 else f"{runs} rounds"
    when = f"{date.today().isoformat()}, {rounds}"  # noqa: DTZ011 - the reader's day
    show(bench.outcomes, when)
    console.print(f"{rounds} in {(time.monotonic() - began) / 60:.1f} minutes", style="dim")
    if write:
        PAGE.write_text(written(PAGE.read_text(), every, bench.outcomes, when))
        console.print(f"written: {PAGE.relative_to(ROOT)}")


def progress(text: str) -> None:
    """A line while it measures."""
    console.print(text, style="dim", soft_wrap=True)


def show(outcomes: Sequence[Outcome], when: str) -> None:
    """All tables on the terminal."""
    for outcome in outcomes:
        measurement = outcome.measurement
        console.print(table(measurement.title, report.header(measurement), report.rows(outcome)))
        console.print(report.quietness(outcome.taken, outcome.repeated), style="dim")
    if lines := verdicts.rows(outcomes, when):
        console.print(table("What was to be reached", verdicts.HEADER, lines))


def written(page: str, every: Sequence[Measurement], outcomes: Sequence[Outcome], when: str) -> str:
    """The page with what was measured; where a peer was missing, a table stays as it was."""
    page = report.replaced(page, "machine", report.facts_table(machine.facts()))
    for outcome in outcomes:
        if outcome.measurement.whole:
            text = report.markdown(outcome, when)
            page = report.replaced(page, outcome.measurement.name, text)
    targets = [target for measurement in every for target in measurement.targets]
    old = report.section(page, verdicts.NAME)
    lines = verdicts.rows(outcomes, when)
    return report.replaced(page, verdicts.NAME, verdicts.markdown(targets, lines, old))


def table(title: str, header: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Rows on a terminal."""
    shown = Table(title=title, title_justify="left")
    for heading in header:
        shown.add_column(heading)
    for row in rows:
        shown.add_row(*row)
    return shown


if __name__ == "__main__":
    typer.run(main)
