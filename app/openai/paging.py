"""Which page of a list a URL's query asks for: what all lists have in common."""

from __future__ import annotations

import re

from app.openai.errors import BadRequest

# Longer ones are no number of anything, and Python refuses to read the longest.
NUMBER = re.compile(r"[0-9]{1,15}")
_SHOWN = 100


def limit_of(given: str | None, *, default: int, most: int) -> int:
    """How many at most: 1 to ``most``, ``default`` unless the client says."""
    if given is None:
        return default
    limit = int(given) if NUMBER.fullmatch(given) else 0
    if not 1 <= limit <= most:
        raise BadRequest(
            f"'limit' must be an integer from 1 to {most}, not {given[:_SHOWN]!r}.", param="limit"
        )
    return limit


def newest_first_of(given: str | None) -> bool:
    """Whether the page begins with the newest, as it does unless the client says otherwise."""
    if given not in (None, "asc", "desc"):
        raise BadRequest(f"'order' must be asc or desc, not {given[:_SHOWN]!r}.", param="order")
    return given != "asc"
