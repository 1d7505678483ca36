"""Views of API keys: a table, or JSON. The key itself is in one of them, when it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from console.screen import plain_table
from console.wording import clean, one_line, span
from tasks.api_keys import ApiKey, Created

_NUMBERS = ("rpm", "tpm", "open")
_NONE = "-"


def keys_table(keys: Sequence[ApiKey], now_s: float) -> Table:
    """A line per key."""
    table = plain_table(
        *("id", "ends in", "owner", "name", "models", *_NUMBERS, "priority", "age", "expires"),
        names=("owner", "name", "models"),
        numbers=_NUMBERS,
    )
    for key in keys:
        limits = (key.requests_per_minute, key.tokens_per_minute, key.most_open)
        table.add_row(
            *(key.id, clean(key.hint), clean(key.owner), one_line(key.name) or _NONE),
            clean(", ".join(key.models)) or "all",
            *(_NONE if limit is None else f"{limit:,}" for limit in limits),
            key.priority.name.lower(),
            span(now_s - key.created_at),
            _expiry(key, now_s),
        )
    return table


def keys_json(keys: Sequence[ApiKey], now_s: float) -> bytes:
    """The keys as one JSON array."""
    return msgspec.json.encode([_fields(key, now_s) for key in keys])


def created_json(created: Created, now_s: float) -> bytes:
    """A new key as one JSON object, with the key itself."""
    return msgspec.json.encode(_fields(created.key, now_s) | {"key": created.secret})


def _fields(key: ApiKey, now_s: float) -> dict[str, Any]:
    return msgspec.structs.asdict(key) | {
        "priority": key.priority.name.lower(),
        "expired": key.expired(now_s),
    }


def _expiry(key: ApiKey, now_s: float) -> Text:
    if key.expires_at is None:
        return Text("never")
    if key.expired(now_s):
        return Text("expired", "red")
    return Text(f"in {span(key.expires_at - now_s)}")
