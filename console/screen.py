"""Where views are shown: a terminal as wide as it is, or a pipe, as wide as what is printed."""

from __future__ import annotations

import sys

import typer
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

# Wider than any row: what is read by another program is not folded.
_PIPE_WIDTH = 10_000


def screen() -> Console:
    """Standard output. Text is shown as it is: brackets in it are no markup."""
    console = Console(highlight=False, markup=False, emoji=False)
    if is_live(console):
        return console
    return Console(highlight=False, markup=False, emoji=False, width=_PIPE_WIDTH)


def is_live(console: Console) -> bool:
    """Whether what is shown can be replaced in its place."""
    return console.is_terminal and not console.is_dumb_terminal


def show(view: RenderableType) -> None:
    """Print a view; in a pipe without the spaces that fill its lines."""
    console = screen()
    if is_live(console):
        console.print(view)
        return
    with console.capture() as captured:
        console.print(view)
    typer.echo("\n".join(line.rstrip() for line in captured.get().splitlines()))
    sys.stdout.flush()


def show_json(document: bytes) -> None:
    """Print a document on a line of its own, at once."""
    typer.echo(document.decode())
    sys.stdout.flush()


def plain_table(*headings: str, names: tuple[str, ...], numbers: tuple[str, ...]) -> Table:
    """A table without lines, which reads the same in a pipe.

    ``numbers`` end at the right. Where the terminal is too narrow, ``names`` fold and nothing
    else does: figures are read, and ids are copied.
    """
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in headings:
        table.add_column(
            heading,
            justify="right" if heading in numbers else "left",
            no_wrap=heading not in names,
            overflow="fold",
        )
    return table


def two_columns() -> Table:
    """A table of names and what they stand for."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    return grid


def heading(text: str) -> Text:
    """A line above a part of a view."""
    return Text(f"\n{text}", "bold")


STYLES = {
    "queued": "yellow",
    "running": "cyan",
    "done": "green",
    "failed": "red",
    "expired": "red",
    "cancelled": "dim",
}


def state_text(state: str) -> Text:
    """A job's state in its colour."""
    return Text(state, STYLES.get(state, ""))
