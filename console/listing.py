"""Listing: the newest jobs of one owner, or of all."""

from __future__ import annotations

import re

from console.place import Place
from tasks.claims import State
from tasks.keys import Keys
from tasks.records import Page

_SCAN_STRETCH = 1_000


def newest(
    place: Place,
    limit: int,
    *,
    owner: str | None = None,
    state: State | None = None,
    model: str | None = None,
) -> Page:
    """At most ``limit`` jobs, newest first, and whether there are more."""
    pages = [
        place.records.page(name, limit=limit, state=state, model=model)
        for name in ([owner] if owner is not None else owners(place))
    ]
    # Ids sort by age.
    found = sorted((r for page in pages for r in page.records), key=lambda r: r.id, reverse=True)
    more = len(found) > limit or any(page.has_more for page in pages)
    return Page(tuple(found[:limit]), more)


def owners(place: Place) -> list[str]:
    """Everybody who has jobs: told by the names of their indexes, for nothing lists them."""
    prefix = place.settings.key_prefix
    stem = Keys(prefix).index("")
    pattern = Keys(re.sub(r"([\\*?\[\]])", r"\\\1", prefix)).index("*")
    keys = place.ledger.redis.scan_iter(match=pattern, count=_SCAN_STRETCH)
    # A scan may give a key twice.
    return sorted({key.decode().removeprefix(stem) for key in keys})
