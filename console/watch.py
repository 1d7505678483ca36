"""The live view: reads and shows until Ctrl-C, through the absence of Redis."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress

import redis
from rich.live import Live

from console.queue_views import Outage, queues_view, snapshot_json
from console.screen import is_live, screen, show, show_json
from console.snapshot import Snapshot
from console.wording import span

Read = Callable[[], Snapshot]
Show = Callable[[Snapshot, Outage | None], None]


def watch(read: Read, interval_s: float) -> None:
    """Keep the queues on the terminal, up to date; elsewhere print them again and again."""
    console = screen()
    if not is_live(console):
        repeat(read, lambda snapshot, outage: show(queues_view(snapshot, outage)), interval_s)
        return
    with Live(console=console, auto_refresh=False) as live:
        repeat(
            read,
            lambda snapshot, outage: live.update(queues_view(snapshot, outage), refresh=True),
            interval_s,
        )


def watch_json(read: Read, interval_s: float, complain: Callable[[str], None]) -> None:
    """Print a JSON object on a line of its own, again and again; say on stderr what is missing."""

    def show(snapshot: Snapshot, outage: Outage | None) -> None:
        if outage is None:
            show_json(snapshot_json(snapshot))
        else:
            complain(f"No answer from Redis for {span(outage.silent_s)}: {outage.reason}")

    repeat(read, show, interval_s)


def repeat(read: Read, show: Show, interval_s: float) -> None:
    """Show what is read, every so often, until Ctrl-C.

    A Redis that does not answer the first time is an error and raised: it is probably another.
    Later it is an outage, shown with the last figures until it is back.
    """
    with suppress(KeyboardInterrupt):
        snapshot = read()
        answered_at = time.monotonic()
        show(snapshot, None)
        while True:
            time.sleep(interval_s)
            outage = None
            try:
                snapshot = read()
                answered_at = time.monotonic()
            except redis.RedisError as error:
                outage = Outage(time.monotonic() - answered_at, str(error))
            show(snapshot, outage)
