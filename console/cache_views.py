"""Views of the cache: a snapshot to a table with its sizes below it, or to JSON."""

from __future__ import annotations

import msgspec
from rich.console import Group
from rich.table import Table
from rich.text import Text

from console.cache_snapshot import CacheSnapshot
from console.outage import Outage, headline
from console.screen import plain_table
from console.wording import clean, counted, one_line, size
from tasks.cache_counts import Tally, total

_NUMBERS = ("hits", "misses", "shared", "bypassed", "hit rate", "stored")
_ALL = "all"


def cache_view(snapshot: CacheSnapshot, outage: Outage | None = None) -> Group:
    """The counters, and how full the cache is."""
    lines = headline(snapshot.now_s, outage, f"cache: {clean(snapshot.address)}")
    return Group(*lines, cache_table(snapshot), _fullness(snapshot))


def cache_table(snapshot: CacheSnapshot) -> Table:
    """A line per model, and one for all of them."""
    table = plain_table("model", *_NUMBERS, names=("model",), numbers=_NUMBERS)
    for model, tally in snapshot.tallies.items():
        table.add_row(clean(model), *_cells(tally))
    table.add_row(Text(_ALL, "bold"), *_cells(total(snapshot.tallies.values())))
    return table


def cache_json(snapshot: CacheSnapshot) -> bytes:
    """The snapshot as one JSON object."""
    sizes = snapshot.sizes
    return msgspec.json.encode(
        {
            "now_s": snapshot.now_s,
            "answers": sizes is not None,
            "server": sizes and msgspec.structs.asdict(sizes),
            **_counted(total(snapshot.tallies.values())),
            "models": {model: _counted(tally) for model, tally in snapshot.tallies.items()},
        }
    )


def _fullness(snapshot: CacheSnapshot) -> Text:
    sizes = snapshot.sizes
    if sizes is None:
        reason = one_line(snapshot.reason)
        return Text(
            f"The cache does not answer ({reason}): requests are served without it."
            " MILLRACE_CACHE_URL says where it is.",
            "red",
        )
    limit = "no limit" if sizes.limit_bytes is None else size(sizes.limit_bytes)
    return Text(
        f"{counted(sizes.entries, 'entry', 'entries')}, {size(sizes.used_bytes)} of {limit},"
        f" {counted(sizes.evictions, 'eviction')} since its start"
    )


def _cells(tally: Tally) -> tuple[str, ...]:
    rate = tally.hit_rate
    numbers = (tally.hits, tally.misses, tally.coalesced, tally.bypassed)
    shown = "-" if rate is None else f"{rate:.1%}"
    return (*(f"{number:,}" for number in numbers), shown, f"{tally.stores:,}")


def _counted(tally: Tally) -> dict[str, int | float | None]:
    return msgspec.structs.asdict(tally) | {"hit_rate": tally.hit_rate}
