"""``millrace nodes``: the machines that models run on, once or live."""

from __future__ import annotations

from console.fleet.fleet_snapshot import known_models, read_fleet
from console.fleet.node_views import nodes_json, nodes_view
from console.place import opened
from console.watch import AsObject, Interval, Views, Watching, look


def nodes(live: Watching = False, interval_s: Interval = 1.0, as_json: AsObject = False) -> None:
    """Every node: cores, memory, GPUs, and what its models are doing."""
    with opened() as place:
        place.ledger.redis.ping()
        models = known_models(place)
        look(
            lambda: read_fleet(place, models),
            Views(nodes_view, nodes_json),
            live=live,
            as_json=as_json,
            interval_s=interval_s,
        )
