"""A command that waits until a model is loaded or unloaded, and shows how far it has come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

from console.fleet.fleet_rows import ModelRow
from console.fleet.fleet_snapshot import read_model
from console.fleet.judging import SETTLE_S, Verdict
from console.place import Place, complain
from console.screen import is_live
from console.wording import one_line, span
from tasks.model import Model

LOOK_S = 0.2

Judge = Callable[[ModelRow, bool], Verdict | None]
Tell = Callable[[ModelRow], None]


def wait_for(place: Place, model: Model, judge: Judge, timeout_s: float) -> Verdict:
    """Look at the model until ``judge`` has a verdict, or the time is up.

    It is given the model as it stands, and whether any node is alive.
    """
    give_up_at = time.monotonic() + timeout_s
    doubted_since: float | None = None
    with _shown(model.name) as tell:
        while True:
            row, any_node = _read(place, model)
            verdict, now = judge(row, any_node), time.monotonic()
            doubted_since = (doubted_since or now) if verdict and verdict.stale else None
            if verdict and (doubted_since is None or now - doubted_since >= SETTLE_S):
                return verdict
            tell(row)
            if now >= give_up_at:
                given_up = f"given up after {span(timeout_s)}, and what was asked for stands"
                return Verdict(False, f"{_standing(row)}; {given_up}.")
            time.sleep(LOOK_S)


def _read(place: Place, model: Model) -> tuple[ModelRow, bool]:
    fleet = place.fleet
    nodes = fleet.nodes()
    placement, wish = fleet.placements().get(model.name), fleet.wishes().get(model.name)
    return read_model(place, model, nodes, placement, wish), bool(nodes)


@contextmanager
def _shown(name: str) -> Iterator[Tell]:
    """A bar on a terminal; elsewhere a line on stderr for every new state."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not is_live(console):
        yield _lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(name, total=1.0)

        def tell(row: ModelRow) -> None:
            share = row.status.progress
            # Without a figure the bar is one that only shows that something goes on.
            progress.update(
                task, description=_standing(row), completed=share, total=1.0 if share else None
            )

        yield tell


def _lines() -> Tell:
    said = ""

    def tell(row: ModelRow) -> None:
        nonlocal said
        if (line := _standing(row)) != said:
            said = line
            complain(line)

    return tell


def _standing(row: ModelRow) -> str:
    """What it is doing, in a line without its progress."""
    where = f" on {', '.join(row.where)}" if row.status.state == "loading" and row.where else ""
    reason = f": {one_line(row.status.reason)}" if row.status.reason else ""
    return f"{row.model.name} is {row.status.state}{where}{reason}"
