"""One reader for many watchers: it reads at a steady pace while anybody watches, else not at all.

A watcher that is slow misses what came between; what it is given next is the latest.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")


class Reader(Generic[T]):
    """Calls ``read`` every ``every_s`` seconds in a thread of its own. Thread-safe.

    ``read`` must not raise: what is wrong is a part of what it tells.
    """

    def __init__(self, name: str, read: Callable[[], T], every_s: float) -> None:
        self._name = name
        self._read = read
        self._every_s = every_s
        self._changed = threading.Condition()
        self._watchers = 0
        self._running = False
        self._number = 0
        self._latest: tuple[int, T] | None = None

    @property
    def watchers(self) -> int:
        """How many watch now."""
        return self._watchers

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Somebody watches, for as long as the block runs."""
        with self._changed:
            self._watchers += 1
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name=self._name, daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                self._watchers -= 1
                self._changed.notify_all()

    def after(self, number: int, timeout_s: float) -> tuple[int, T] | None:
        """What was read last with its number, once that is above ``number``; None if it is not."""
        with self._changed:
            return self._changed.wait_for(lambda: self._newer(number), timeout_s)

    def _newer(self, number: int) -> tuple[int, T] | None:
        latest = self._latest
        return latest if latest is not None and latest[0] > number else None

    def _run(self) -> None:
        while True:
            began = time.monotonic()
            found = self._read()
            with self._changed:
                self._number += 1
                self._latest = (self._number, found)
                self._changed.notify_all()
                rest_s = self._every_s - (time.monotonic() - began)
                self._changed.wait_for(lambda: not self._watchers, max(rest_s, 0.0))
                if not self._watchers:
                    # Who comes now must not be shown what was so long ago.
                    self._running, self._latest = False, None
                    return
