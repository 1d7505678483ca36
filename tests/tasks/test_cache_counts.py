"""What the cache did, counted together by many processes."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from tasks.cache_counts import Counts, Tally, read_counts, total
from tasks.connection import Client, connect
from tasks.settings import QueueSettings
from tests.conftest import RedisServer

# Counted and not closed, as by a process that ends in order.
ENDING = """
import sys
from tasks.cache_counts import Counts
from tasks.connection import connect
from tasks.settings import QueueSettings
settings = QueueSettings(queue_url=sys.argv[1], key_prefix=sys.argv[2])
Counts(connect(settings.queue_url), settings).hit("m", 7)
"""


@pytest.fixture
def counts(client: Client, settings: QueueSettings) -> Iterator[Counts]:
    """One process's counters."""
    counts = Counts(client, settings)
    yield counts
    counts.close()


def test_every_kind_is_counted_by_model(
    counts: Counts, client: Client, settings: QueueSettings
) -> None:
    """Also of a model whose name has colons; a number at once, or one by one."""
    counts.hit("m", 3)
    counts.hit("m")
    counts.miss("m", 2)
    counts.store("m")
    counts.coalesced("hf:some/model:Q4")
    counts.bypass("hf:some/model:Q4", 5)
    counts.flush()
    assert read_counts(client, settings) == {
        "hf:some/model:Q4": Tally(coalesced=1, bypassed=5),
        "m": Tally(hits=4, misses=2, stores=1),
    }


def test_two_processes_count_together(
    counts: Counts, client: Client, settings: QueueSettings
) -> None:
    """What one adds is on top of the other's."""
    other = Counts(client, settings)
    counts.hit("m", 3)
    other.hit("m", 4)
    counts.close()
    other.close()
    assert read_counts(client, settings) == {"m": Tally(hits=7)}


def test_the_sums_come_by_themselves(
    counts: Counts, client: Client, settings: QueueSettings
) -> None:
    """Within about a second, and later ones too."""
    for expected in (1, 2):
        counts.miss("m")
        give_up_at = time.monotonic() + 4
        while read_counts(client, settings) != {"m": Tally(misses=expected)}:
            assert time.monotonic() < give_up_at
            time.sleep(0.05)


def test_nothing_is_lost_between_threads(
    counts: Counts, client: Client, settings: QueueSettings
) -> None:
    """Eight that count while a ninth flushes."""

    def count() -> None:
        for _ in range(2_000):
            counts.hit("m")

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        counts.flush()
    counts.close()
    assert read_counts(client, settings) == {"m": Tally(hits=16_000)}


def test_a_redis_that_is_away_loses_nothing(mortal_redis: RedisServer) -> None:
    """What was counted before and meanwhile is there once it is back."""
    settings = QueueSettings(queue_url=mortal_redis.url)
    client = connect(settings.queue_url, timeout_s=1.0)
    counts = Counts(client, settings)
    counts.hit("m", 1)
    mortal_redis.kill()
    counts.hit("m", 10)
    time.sleep(1.5)
    counts.hit("m", 100)
    mortal_redis.start()
    counts.close()
    assert read_counts(client, settings) == {"m": Tally(hits=111)}
    client.close()


def test_a_process_that_ends_writes_what_is_left(client: Client, settings: QueueSettings) -> None:
    """Nobody has to close it."""
    command = [sys.executable, "-c", ENDING, settings.queue_url, settings.key_prefix]
    subprocess.run(command, check=True, timeout=30)
    assert read_counts(client, settings) == {"m": Tally(hits=7)}


def test_counting_costs_next_to_nothing(counts: Counts) -> None:
    """It is on the way of every answer: a hundredth of the time that a cached one takes."""
    began = time.perf_counter()
    for _ in range(20_000):
        counts.hit("m")
    assert (time.perf_counter() - began) / 20_000 < 10e-6


def test_the_rate_is_of_what_was_looked_for() -> None:
    """What never asked the cache does not count; without a question there is no rate."""
    tally = total([Tally(hits=3, bypassed=9), Tally(misses=2, coalesced=1, stores=2)])
    assert tally == Tally(hits=3, misses=2, stores=2, coalesced=1, bypassed=9)
    assert tally.hit_rate == 0.5
    assert total([]).hit_rate is None
