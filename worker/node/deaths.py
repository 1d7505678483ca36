"""The deaths of one child: how it died last, and when it may start again."""

from __future__ import annotations

import time

from tasks.roster import Report


class Deaths:
    """Counted as long as the child is kept; the pauses begin anew once it was ready."""

    def __init__(self, first_pause_s: float, longest_pause_s: float) -> None:
        self.count = 0
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._in_a_row = 0
        self._how = ""
        self._died: tuple[int, int] | None = None
        self._failed: Report | None = None
        self._start_at = 0.0

    @property
    def is_pausing(self) -> bool:
        """Whether it must not start yet."""
        return time.monotonic() < self._start_at

    @property
    def reason(self) -> str:
        """How it died last, and what it had said of that itself; empty when it did not."""
        told = self._failed
        if told is None or (told.pid, told.born) != self._died or not told.reason:
            return self._how
        return f"{self._how}: {told.reason}"

    def add(self, how: str, process: tuple[int, int] | None) -> None:
        """It died of itself; ``process`` is None where it did not even begin."""
        self.count += 1
        self._how, self._died = how, process

    def pause(self) -> float:
        """It had not been ready: how long it does not start again, in seconds."""
        pause_s = min(self._first_pause_s * 2.0 ** min(self._in_a_row, 16), self._longest_pause_s)
        self._in_a_row += 1
        self._start_at = time.monotonic() + pause_s
        return pause_s

    def hear_failure(self, report: Report) -> None:
        """It says of itself why it does not load; its death follows, or was seen already."""
        self._failed = report

    def forgive(self) -> None:
        """It is ready, or was: nothing stands against starting it at once."""
        self._in_a_row = 0
        self._start_at = 0.0

    def forget(self) -> None:
        """It ended because it was told to."""
        self._how = ""
