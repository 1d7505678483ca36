"""Who is at work."""

from __future__ import annotations

import time

import pytest

from tasks.connection import Client, now_ms
from tasks.roster import Report, Roster
from tasks.settings import QueueSettings


@pytest.fixture
def roster(client: Client, settings: QueueSettings) -> Roster:
    """An empty roster."""
    return Roster(client, settings)


def report(expires_ms: int) -> Report:
    """A worker's report."""
    return Report(node="n", state="ready", pid=1, slots=1, context=1, expires_ms=expires_ms)


def test_a_report_counts_until_it_expires(roster: Roster, client: Client) -> None:
    """By Redis's clock; pruning forgets those that are over."""
    alive, dead = report(now_ms(client) + 10_000), report(now_ms(client) - 1)
    roster.report("chat.m", "alive", alive)
    roster.report("chat.m", "dead", dead)
    assert roster.workers("chat.m") == {"alive": alive}
    roster.prune("chat.m")
    roster.retire("chat.m", "alive")
    assert roster.workers("chat.m") == {}


def test_one_keeper_is_elected(roster: Roster) -> None:
    """A second candidate waits until the first one's term ends."""
    assert roster.elect("a", 0.05)
    assert not roster.elect("b", 0.05)
    assert roster.elect("a", 0.05)
    time.sleep(0.07)
    assert roster.elect("b", 0.05)
