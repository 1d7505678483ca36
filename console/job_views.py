"""Views of many jobs: records to a table, or to JSON. Nothing here reads anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from rich.table import Table

from console.screen import plain_table, state_text
from console.wording import clean, span
from tasks.records import Record

# What bookkeeping may be printed unasked. A field that a record gains is not, until it is here.
_PRINTED = (
    *("id", "queue", "kind", "model", "owner", "state", "attempt", "strikes", "last_seq"),
    *("created_s", "accepted_s", "started_s", "finished_s", "listen_s", "resume_s", "cancelling"),
)


def jobs_table(records: Sequence[Record], now_s: float) -> Table:
    """A line per job. Owners are named where there are several."""
    several = len({record.owner for record in records}) > 1
    headings = ["id", "state", "tries", "age", "ran", "model", *(["owner"] if several else [])]
    table = plain_table(*headings, names=("model", "owner"), numbers=("tries", "age", "ran"))
    for record in records:
        table.add_row(
            record.id,
            state_text(record.state),
            str(record.attempt),
            span(now_s - record.accepted_s),
            span(ran_s(record, now_s)),
            clean(record.model),
            *([clean(record.owner)] if several else []),
        )
    return table


def dead_table(records: Sequence[Record], now_s: float) -> Table:
    """A line per dead letter: how many deaths are laid to it, and since when it is one."""
    table = plain_table(
        *("id", "strikes", "tries", "dead for", "model", "owner"),
        names=("model", "owner"),
        numbers=("strikes", "tries", "dead for"),
    )
    for record in records:
        table.add_row(
            record.id,
            str(record.strikes),
            str(record.attempt),
            span(None if record.finished_s is None else now_s - record.finished_s),
            clean(record.model),
            clean(record.owner),
        )
    return table


def ran_s(record: Record, now_s: float) -> float | None:
    """Since the first attempt began, until the end or now; None for one that never began."""
    if record.started_s is None:
        return None
    return (record.finished_s or now_s) - record.started_s


def jobs_json(records: Sequence[Record]) -> bytes:
    """The records as one JSON array, without what clients wrote and their webhooks' addresses."""
    return msgspec.json.encode([_bookkeeping(record) for record in records])


def _bookkeeping(record: Record) -> dict[str, Any]:
    fields = {name: getattr(record, name) for name in _PRINTED}
    return fields | {"priority": record.priority.name.lower()}
