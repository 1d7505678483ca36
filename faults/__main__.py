"""``python -m faults``: play what is missing, print the table, and on request write the page."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from faults import suite, table
from faults.results import Results
from faults.row import Row
from faults.rows import all_rows
from faults.stamp import ROOT

PAGE = ROOT / "docs" / "reliability.md"

# In a file there is room for a table's cells.
console = Console(width=None if sys.stdout.isatty() else 220, highlight=False)


def main(
    *,
    small: Annotated[
        bool, typer.Option("--small", help="The small counts, as in make check; without the soak.")
    ] = False,
    only: Annotated[str, typer.Option(help="Rows by number or name, with commas: 1,3-left.")] = "",
    count: Annotated[int, typer.Option(min=0, help="Another number of trials per row.")] = 0,
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Forget what was found of these rows, begin anew.")
    ] = False,
    results: Annotated[Path, typer.Option(help="The file that keeps what was found.")] = Path(
        "data/faults.jsonl"
    ),
    write: Annotated[bool, typer.Option("--write", help="Update docs/reliability.md.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Play nothing, print the table.")] = False,
) -> None:
    """Injure the real stack, row by row, and count what was lost."""
    every = all_rows()
    rows = [sized(row, small, count) for row in chosen(every, only)]
    rows = [row for row in rows if row.full or only]
    kept = Results(results)
    # Else the parts that were started would outlive it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    whole = True
    if not show:
        if fresh:
            kept.forget((row.key, row.variant) for row in rows)
        whole = suite.play(rows, kept, say)
    lines = [table.line(row, kept.of(row.key, row.variant), row.full) for row in rows]
    console.print(drawn(lines))
    console.print(table.played([e for r in rows for e in kept.of(r.key, r.variant)]), style="dim")
    if write:
        page = [(row, kept.of(row.key, row.variant)) for row in every if row.full]
        PAGE.write_text(table.replaced(PAGE.read_text(), table.markdown(page)))
        say(f"written: {PAGE.relative_to(ROOT)}")
    if not whole or not all(table.accepted(line[-1]) for line in lines):
        raise typer.Exit(1)


def chosen(rows: Sequence[Row], only: str) -> list[Row]:
    """The rows that were asked for: all without a word."""
    words = [word.strip() for word in only.split(",") if word.strip()]
    known = {row.name for row in rows} | {row.key for row in rows}
    if unknown := [word for word in words if word not in known]:
        names = ", ".join(row.name for row in rows)
        raise typer.BadParameter(f"no row {', '.join(unknown)}; there are {names}")
    return [row for row in rows if not words or row.name in words or row.key in words]


def sized(row: Row, small: bool, count: int) -> Row:
    """The row with the number of trials that this run is about."""
    return replace(row, full=count or (row.small if small else row.full))


def say(text: str) -> None:
    """A line while it plays."""
    console.print(text, style="dim", soft_wrap=True, markup=False)


def drawn(lines: Sequence[Sequence[str]]) -> Table:
    """The table on a terminal."""
    shown = Table(title="Faults", title_justify="left")
    for heading in table.HEADER:
        shown.add_column(heading)
    for line in lines:
        shown.add_row(*line, style=None if table.accepted(line[-1]) else "bold red")
    return shown


if __name__ == "__main__":
    typer.run(main)
