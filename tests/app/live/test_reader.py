"""One reader for all who watch."""

from __future__ import annotations

import threading
import time
from contextlib import ExitStack

from app.live.reader import Reader
from tests.app.admin.box import eventually


class Counted:
    """Counts how often it is read."""

    def __init__(self) -> None:
        self.number = 0

    def __call__(self) -> int:
        self.number += 1
        return self.number


def test_a_hundred_watchers_are_one_reader() -> None:
    """They all get the same, and it is read once for all of them."""
    counted = Counted()
    reader = Reader("test", counted, 60)
    with ExitStack() as watched:
        for _ in range(100):
            watched.enter_context(reader.watched())
        assert {reader.after(0, 5) for _ in range(100)} == {(1, 1)}
        assert counted.number == 1


def test_nobody_watching_is_nobody_asking() -> None:
    """It stops with the last watcher, though its pace be a minute, and begins anew."""
    counted = Counted()
    reader = Reader("quiet one", counted, 60)
    with reader.watched():
        assert reader.after(0, 5) == (1, 1)
    eventually(lambda: all(each.name != "quiet one" for each in threading.enumerate()))
    with reader.watched():
        # What was read for somebody else, who knows when, is not shown.
        assert reader.after(0, 5) == (2, 2)


def test_a_slow_watcher_gets_the_latest() -> None:
    """What came between is left out."""
    counted = Counted()
    reader = Reader("test", counted, 0.01)
    with reader.watched():
        assert reader.after(0, 5)
        eventually(lambda: counted.number > 5)
        found = reader.after(1, 5)
        assert found is not None
        assert found[0] > 4


def test_without_news_a_watcher_waits_no_longer_than_it_said() -> None:
    """None, in time to look whether its client is still there."""
    reader = Reader("test", Counted(), 60)
    with reader.watched():
        reader.after(0, 5)
        began = time.monotonic()
        assert reader.after(1, 0.05) is None
        assert time.monotonic() - began < 2
