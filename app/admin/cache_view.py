"""The cache as the admin API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from app.settings import ApiSettings
from tasks.cache_counts import Tally, total
from tasks.cache_server import Sizes, Swept


def render_cache(
    settings: ApiSettings, tallies: Mapping[str, Tally], sizes: Sizes | None
) -> dict[str, Any]:
    """What is kept at all, what it was good for, and how full it is.

    ``sizes`` is None while the cache's server does not answer.
    """
    return {
        "object": "cache",
        "keeps": settings.cache,
        "ttl_s": settings.cache_ttl_s,
        "entry_limit_bytes": settings.cache_entry_bytes,
        "server": _server(sizes),
        **_counted(total(tallies.values())),
        "models": [{"model": model, **_counted(tally)} for model, tally in tallies.items()],
    }


def render_cleared(swept: Swept, deleted: int) -> dict[str, Any]:
    """What was to be forgotten, and how many entries that were."""
    return {
        "object": "cache.cleared",
        "model": swept.model,
        "owner": swept.owner,
        "older_than_s": swept.older_than_s,
        "deleted": deleted,
    }


def _server(sizes: Sizes | None) -> dict[str, Any]:
    if sizes is None:
        return {"answers": False} | dict.fromkeys(Sizes.__struct_fields__)
    return {"answers": True} | msgspec.structs.asdict(sizes)


def _counted(tally: Tally) -> dict[str, Any]:
    rate = tally.hit_rate
    rounded = None if rate is None else round(rate, 4)
    return msgspec.structs.asdict(tally) | {"hit_rate": rounded}
