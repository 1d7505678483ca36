"""``millrace queues``: what waits, what runs and who works, once or live."""

from __future__ import annotations

from typing import Annotated

import typer

from console.place import Place, complain, opened
from console.queue_views import queues_view, snapshot_json
from console.screen import show, show_json
from console.snapshot import Snapshot, known_queues, read_snapshot
from console.watch import watch, watch_json
from tasks.model import CatalogError


def queues(
    live: Annotated[bool, typer.Option("--watch", help="Go on until Ctrl-C.")] = False,
    interval_s: Annotated[
        float,
        typer.Option(
            "--interval", metavar="S", min=0.1, max=3600, help="Seconds between two looks."
        ),
    ] = 1.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object, with --watch one per line.")
    ] = False,
) -> None:
    """Every queue: jobs that wait by priority, run and continue, tickets, pace and workers."""
    with opened() as place:
        place.ledger.redis.ping()
        known = _known(place)

        def read() -> Snapshot:
            return read_snapshot(place, known)

        match (live, as_json):
            case (True, True):
                watch_json(read, interval_s, complain)
            case (True, False):
                watch(read, interval_s)
            case (False, True):
                show_json(snapshot_json(read()))
            case _:
                show(queues_view(read()))


def _known(place: Place) -> list[str]:
    try:
        return known_queues(place.settings)
    except CatalogError as error:
        complain(f"Models that never had a job are not shown: {error}")
        return []
