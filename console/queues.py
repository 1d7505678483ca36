"""``millrace queues``: what waits, what runs and who works, once or live."""

from __future__ import annotations

from console.place import Place, complain, opened
from console.queue_views import queues_view, snapshot_json
from console.snapshot import known_queues, read_snapshot
from console.watch import AsObject, Interval, Views, Watching, look
from tasks.model import CatalogError


def queues(live: Watching = False, interval_s: Interval = 1.0, as_json: AsObject = False) -> None:
    """Every queue: jobs that wait by priority, run and continue, tickets, pace and workers."""
    with opened() as place:
        place.ledger.redis.ping()
        known = _known(place)
        look(
            lambda: read_snapshot(place, known),
            Views(queues_view, snapshot_json),
            live=live,
            as_json=as_json,
            interval_s=interval_s,
        )


def _known(place: Place) -> list[str]:
    try:
        return known_queues(place.settings)
    except CatalogError as error:
        complain(f"Models that never had a job are not shown: {error}")
        return []
