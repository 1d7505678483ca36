"""Rows that another release wrote, or nobody of ours."""

from __future__ import annotations

import pytest

from tasks.connection import Client
from tasks.roster import Report, Roster
from tasks.rows import readable
from tasks.settings import QueueSettings


@pytest.mark.parametrize("row", [b"", b"{", b"[]", b"7", b'{"n": "x"}', b"\xff", b"\x00"])
def test_what_cannot_be_read_hides_nothing_else(row: bytes) -> None:
    """The others are there."""
    rows = {b"good": b"[1, 2]", b"bad": row, b"\xff": b"[3]"}
    assert readable(rows, list[int])["good"] == [1, 2]


def test_a_report_that_cannot_be_read_leaves(client: Client, settings: QueueSettings) -> None:
    """With those of workers that are long silent; the living stay."""
    roster = Roster(client, settings)
    alive = Report(node="n", state="ready", pid=1, host="h", slots=1, context=1, expires_ms=2**53)
    roster.report("chat.m", "alive", alive)
    client.hset(roster._keys.workers("chat.m"), "odd", b"?")
    roster.prune("chat.m")
    assert client.hkeys(roster._keys.workers("chat.m")) == [b"alive"]
