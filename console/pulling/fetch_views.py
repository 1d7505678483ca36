"""How far a download has come: a bar on a terminal, elsewhere a line on stderr now and then."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from console.place import complain
from console.screen import is_live
from console.wording import one_line, size, span

# Between two lines of a download that nobody watches.
_LINE_EVERY_S = 10.0


@contextmanager
def shown() -> Iterator[Bar | Lines]:
    """Who is to be told of the bytes."""
    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    if not is_live(console):
        yield Lines()
        return
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        yield Bar(progress)


class Bar:
    """A bar with bytes, speed and the time that is left."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self._task: TaskID | None = None

    def begin(self, what: str, done: int, total: int | None) -> None:
        """A new bar in the place of the last: what was there before tells nothing of the speed."""
        if self._task is not None:
            self._progress.remove_task(self._task)
        self._task = self._progress.add_task(what, total=total, completed=done)

    def advance(self, number_bytes: int) -> None:
        """So many bytes more."""
        if self._task is not None:
            self._progress.advance(self._task, number_bytes)

    def note(self, line: str) -> None:
        """A line above the bar."""
        self._progress.console.print(one_line(line))


class Lines:
    """A line at the beginning, and one every few seconds."""

    def __init__(self) -> None:
        self._what = ""
        self._done = self._begun_at = 0
        self._total: int | None = None
        self._began_s = self._said_s = 0.0

    def begin(self, what: str, done: int, total: int | None) -> None:
        """A line only where something is to be waited for."""
        self._what, self._done, self._begun_at, self._total = what, done, done, total
        self._began_s = self._said_s = time.monotonic()
        if done:
            complain(f"{what}: going on from {size(done)}")

    def advance(self, number_bytes: int) -> None:
        """So many bytes more."""
        self._done += number_bytes
        now_s = time.monotonic()
        if now_s - self._said_s < _LINE_EVERY_S:
            return
        self._said_s = now_s
        speed = (self._done - self._begun_at) / (now_s - self._began_s)
        whole = f" of {size(self._total)}" if self._total else ""
        left = f", {span((self._total - self._done) / speed)} left" if self._total else ""
        complain(f"{self._what}: {size(self._done)}{whole}, {size(int(speed))}/s{left}")

    def note(self, line: str) -> None:
        """A line of its own."""
        complain(line)
