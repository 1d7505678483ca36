"""A look at the place, once or live: it reads and shows until Ctrl-C, through Redis's absence."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

import redis
import typer
from rich.console import RenderableType
from rich.live import Live

from console.outage import Outage
from console.place import complain
from console.screen import is_live, screen, show, show_json
from console.wording import span

T = TypeVar("T")

Watching = Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")]
Interval = Annotated[
    float,
    typer.Option("--interval", metavar="S", min=0.1, max=3600, help="Seconds between two looks."),
]
AsObject = Annotated[
    bool, typer.Option("--json", help="One JSON object, with --watch one per line.")
]


@dataclass(frozen=True, slots=True)
class Views(Generic[T]):
    """How what is read is shown: to people, and to programs."""

    view: Callable[[T, Outage | None], RenderableType]
    document: Callable[[T], bytes]


def look(
    read: Callable[[], T], views: Views[T], *, live: bool, as_json: bool, interval_s: float
) -> None:
    """Show what is read, once, or again and again."""
    match (live, as_json):
        case (True, True):
            watch_json(read, views, interval_s)
        case (True, False):
            watch(read, views, interval_s)
        case (False, True):
            show_json(views.document(read()))
        case _:
            show(views.view(read(), None))


def watch(read: Callable[[], T], views: Views[T], interval_s: float) -> None:
    """Keep a view on the terminal, up to date; elsewhere print it again and again."""
    console = screen()
    if not is_live(console):
        repeat(read, lambda found, outage: show(views.view(found, outage)), interval_s)
        return
    with Live(console=console, auto_refresh=False) as live:
        repeat(
            read,
            lambda found, outage: live.update(views.view(found, outage), refresh=True),
            interval_s,
        )


def watch_json(read: Callable[[], T], views: Views[T], interval_s: float) -> None:
    """Print a JSON object on a line of its own, again and again; say on stderr what is missing."""

    def tell(found: T, outage: Outage | None) -> None:
        if outage is None:
            show_json(views.document(found))
        else:
            complain(f"No answer from Redis for {span(outage.silent_s)}: {outage.reason}")

    repeat(read, tell, interval_s)


def repeat(
    read: Callable[[], T], tell: Callable[[T, Outage | None], None], interval_s: float
) -> None:
    """Show what is read, every so often, until Ctrl-C.

    A Redis that does not answer the first time is an error and raised: it is probably another.
    Later it is an outage, shown with the last figures until it is back.
    """
    with suppress(KeyboardInterrupt):
        found = read()
        answered_at = time.monotonic()
        tell(found, None)
        while True:
            time.sleep(interval_s)
            outage = None
            try:
                found = read()
                answered_at = time.monotonic()
            except redis.RedisError as error:
                outage = Outage(time.monotonic() - answered_at, str(error))
            tell(found, outage)
