"""Batches as tables and JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from console.batches.contract import Batch
from console.batches.submitting import PART
from console.screen import plain_table, state_text
from console.wording import clean, span

_STYLED = {
    "validating": "queued",
    "in_progress": "running",
    "finalizing": "running",
    "cancelling": "cancelled",
    "completed": "done",
}


def batches_table(batches: Sequence[Batch], now_s: float) -> Table:
    """A row each."""
    table = plain_table(
        *("ID", "STATUS", "ENDPOINT", "DONE", "FAILED", "TOTAL", "AGE", "EXPIRES", "PART"),
        names=("ENDPOINT",),
        numbers=("DONE", "FAILED", "TOTAL", "AGE", "EXPIRES"),
    )
    for batch in batches:
        counts = batch.counts
        expires = None if batch.ended or not batch.expires_at else batch.expires_at - now_s
        table.add_row(
            clean(batch.id),
            _status(batch.status),
            clean(batch.endpoint),
            f"{counts.completed:,}",
            f"{counts.failed:,}",
            f"{counts.total:,}",
            span(now_s - batch.created_at) if batch.created_at else "-",
            span(expires),
            clean((batch.metadata or {}).get(PART, "-")),
        )
    return table


def batches_json(raws: Sequence[bytes]) -> bytes:
    """An array of what the API wrote."""
    return b"[" + b",".join(raw.strip() for raw in raws) + b"]"


def _status(status: str) -> Text:
    text = state_text(_STYLED.get(status, status))
    return Text(clean(status), text.style)
