"""How far batches have come: a bar on a terminal, elsewhere a line on stderr now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from console.place import complain
from console.screen import is_live
from console.wording import counted, one_line, span

# Between two lines of batches that nobody watches.
LINE_EVERY_S = 10.0
# Results come in pieces: over less than this the rate would jump.
_RATE_OVER_S = 60.0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where all batches stand together. ``unit`` is what is counted: texts, say, or requests."""

    done: int
    total: int
    failed: int
    unit: str
    said: str


@contextmanager
def shown() -> Iterator[Bar | Lines]:
    """Who is to be told of it."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not is_live(console):
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:,.0f}/{task.total:,.0f}", markup=False),
        _Rate(),
        TimeRemainingColumn(),
        _Failures(),
    )
    with Progress(
        *columns, console=console, transient=True, speed_estimate_period=_RATE_OVER_S
    ) as progress:
        yield Bar(progress)


class _Rate(ProgressColumn):
    def render(self, task: Task) -> Text:
        unit = task.fields.get("unit", "")
        return Text(f"{task.speed:,.0f} {unit}/s" if task.speed else f"- {unit}/s", "cyan")


class _Failures(ProgressColumn):
    def render(self, task: Task) -> Text:
        failed = task.fields.get("failed", 0)
        return Text(f"{failed:,} failed", "red") if failed else Text("")


class Bar:
    """A bar with the number done, the rate, the time that is left and the failures."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def tell(self, standing: Standing) -> None:
        """Where it stands now; the first time is where it begins, which is no speed."""
        fields: dict[str, Any] = {"unit": standing.unit, "failed": standing.failed}
        if self._task is None:
            self._task = self._progress.add_task(
                standing.said, total=standing.total, completed=standing.done, **fields
            )
            return
        self._progress.update(
            self._task,
            description=standing.said,
            total=standing.total,
            completed=standing.done,
            **fields,
        )

    def note(self, line: str) -> None:
        """A line above the bar."""
        self._progress.console.print(one_line(line))


class Lines:
    """A line at the beginning, and one every few seconds."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None
        self._said_s = 0.0

    def tell(self, standing: Standing) -> None:
        """Where it stands now."""
        now_s = time.monotonic()
        if self._began is None:
            self._began = (now_s, standing.done)
        elif now_s - self._said_s < LINE_EVERY_S:
            return
        self._said_s = now_s
        began_s, before = self._began
        rate = (standing.done - before) / max(now_s - began_s, 1e-9)
        speed = left = ""
        if standing.done > before:
            speed = f", {rate:,.0f} {standing.unit}/s"
            left = f", {span((standing.total - standing.done) / rate)} left"
        failed = f", {standing.failed:,} failed" if standing.failed else ""
        whole = counted(standing.total, standing.unit, standing.unit)
        complain(f"{standing.said}: {standing.done:,} of {whole}{speed}{left}{failed}")

    def note(self, line: str) -> None:
        """A line of its own."""
        complain(line)
