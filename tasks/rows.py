"""Rows of a hash that many processes write: what one of them wrote badly hides no other's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
import structlog

log = structlog.get_logger(__name__)

T = TypeVar("T")


def readable(rows: Mapping[bytes, bytes], kind: type[T]) -> dict[str, T]:
    """The rows that hold a ``kind`` as JSON, by name; others are left out, with a line in the log.

    One report that another release, or nobody of ours, had written made ``/ready`` fail for all.
    """
    found: dict[str, T] = {}
    for name, row in rows.items():
        try:
            found[name.decode()] = msgspec.json.decode(row, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            log.warning("unreadable row", row=repr(name[:80]), error=str(error))
    return found
