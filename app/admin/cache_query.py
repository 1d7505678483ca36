"""What of the cache is to be forgotten, as a URL's query says it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from app.openai.errors import BadRequest
from tasks.cache_server import Swept
from tasks.catalog import Catalog

# A year has eight digits.
_SECONDS = re.compile(r"[0-9]{1,10}(\.[0-9]{1,9})?")
_KNOWN = ("model", "owner", "older_than_s")


def parse_clear(query: Mapping[str, Sequence[str]], catalog: Catalog) -> Swept:
    """What ``query`` names, everything when it names nothing; an alias stands for its model.

    Raises ``BadRequest`` naming what is wrong, and ``UnknownModel``. Whatever else is asked for is
    refused, too: a slip of the pen in ``model`` would clear all.
    """
    for name, values in query.items():
        if name not in _KNOWN:
            raise BadRequest(
                f"{name!r} is not known here: clear by {', '.join(_KNOWN)}, or all without any.",
                param=name,
                code="unknown_parameter",
            )
        if len(values) != 1 or not values[0]:
            raise BadRequest(f"{name!r} must have one value, and not an empty one.", param=name)
    given = {name: values[0] for name, values in query.items()}
    return Swept(
        model=catalog.find(given["model"]).name if "model" in given else None,
        owner=given.get("owner"),
        older_than_s=_older_than_s(given["older_than_s"]) if "older_than_s" in given else None,
    )


def _older_than_s(given: str) -> float:
    if not _SECONDS.fullmatch(given):
        raise BadRequest(
            f"'older_than_s' must be a number of seconds, such as 3600, not {given!r}.",
            param="older_than_s",
        )
    return float(given)
