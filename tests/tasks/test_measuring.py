"""A process's registry on its way into the place's measures."""

from __future__ import annotations

import time
from collections.abc import Iterator

import httpx2 as httpx
import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from pydantic import ValidationError

from tasks.connection import Client, connect
from tasks.measures import Measures
from tasks.measuring import Reporter
from tasks.settings import QueueSettings
from tests.conftest import RedisServer, free_port


class Counting:
    """A process that counts, as the others do: a registry and its reporter."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self.registry = CollectorRegistry()
        self.eaten = Counter("millrace_eaten", "Eaten.", ["what"], registry=self.registry)
        self.reporter = Reporter(client, settings, self.registry, "eater")

    def eat(self, number: int) -> None:
        """Count some, and put them."""
        self.eaten.labels("corn").inc(number)
        self.reporter.put()


@pytest.fixture
def place(client: Client, settings: QueueSettings) -> Measures:
    """The measures of an empty place."""
    return Measures(client, settings)


@pytest.fixture
def eater(client: Client, settings: QueueSettings) -> Iterator[Counting]:
    """One process."""
    eater = Counting(client, settings)
    yield eater
    eater.reporter.close()


def eaten(place: Measures) -> float:
    """How much the place has counted."""
    return place.totals()["millrace_eaten_total"][(("what", "corn"),)]


def test_what_is_counted_is_in_the_totals(eater: Counting, place: Measures) -> None:
    """Counters, gauges and histograms; not when each series began, nor what is not ours."""
    Gauge("millrace_rooms", "Rooms.", registry=eater.registry).set(3)
    Gauge("foreign", "Not ours.", registry=eater.registry).set(1)
    Gauge("millrace_full_ratio", "A share.", registry=eater.registry).set(0.5)
    Histogram("millrace_bites", "Bites.", buckets=[1, 2], registry=eater.registry).observe(1.5)
    eater.eat(2)
    totals = place.totals()
    assert totals.keys() == {
        "millrace_eaten_total",
        "millrace_rooms",
        "millrace_bites_bucket",
        "millrace_bites_count",
        "millrace_bites_sum",
    }
    assert totals["millrace_bites_bucket"] == {
        (("le", "1.0"),): 0,
        (("le", "2.0"),): 1,
        (("le", "+Inf"),): 1,
    }


def test_a_process_that_was_taken_for_gone_counts_on(eater: Counting, place: Measures) -> None:
    """Folded while it lives, however often: each bite is counted once."""
    for number in (3, 4, 5):
        eater.eat(number)
        [put] = place.puts()
        assert place.fold(put)
    eater.eat(6)
    assert eaten(place) == 18


def test_the_end_of_a_process_leaves_its_counts(eater: Counting, place: Measures) -> None:
    """In order: the last count is put, and the process has no entry any more."""
    eater.eat(2)
    eater.eaten.labels("corn").inc(5)
    eater.reporter.close()
    assert eaten(place) == 7
    assert place.puts() == []


def test_a_redis_that_is_emptied_begins_at_nothing(
    eater: Counting, place: Measures, client: Client, settings: QueueSettings
) -> None:
    """What was counted before is gone with it; what comes after is counted."""
    eater.eat(2)
    client.delete(f"{settings.key_prefix}:measures")
    eater.eat(3)
    assert eaten(place) == 3


def test_it_puts_by_itself_and_outlives_a_redis_that_is_away(
    mortal_redis: RedisServer, settings: QueueSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was counted meanwhile is there when Redis is."""
    monkeypatch.setattr("tasks.measuring.PUT_S", 0.05)
    own = settings.model_copy(update={"queue_url": mortal_redis.url})
    client = connect(mortal_redis.url)
    eater = Counting(client, own)
    eater.reporter.start()
    eater.eaten.labels("corn").inc(2)
    time.sleep(0.3)
    mortal_redis.kill()
    eater.eaten.labels("corn").inc(3)
    time.sleep(0.3)
    mortal_redis.start()
    place = Measures(client, own)
    give_up_at = time.monotonic() + 10
    while eaten(place) != 5 and time.monotonic() < give_up_at:
        time.sleep(0.05)
    assert eaten(place) == 5
    eater.reporter.close()
    client.close()


def test_each_process_serves_its_own_on_the_first_free_port(
    client: Client, settings: QueueSettings
) -> None:
    """Two take two ports of the range, and say which; a third finds none, and only puts."""
    port = free_port()
    own = settings.model_copy(update={"metrics_ports": f"{port}-{port + 1}"})
    eaters = [Counting(client, own) for _ in range(3)]
    for number, eater in enumerate(eaters):
        eater.reporter.start()
        eater.eaten.labels("corn").inc(number + 1)
    for eater in eaters:
        eater.reporter.put()
    addresses = sorted(put.snapshot.address for put in Measures(client, own).puts())
    assert addresses == ["", f"127.0.0.1:{port}", f"127.0.0.1:{port + 1}"]
    served = httpx.get(f"http://127.0.0.1:{port + 1}/metrics").text
    assert 'millrace_eaten_total{what="corn"} 2.0' in served
    for eater in eaters:
        eater.reporter.close()


@pytest.mark.parametrize("ports", ["9199-9100", "0-5", "9100-70000", "9100", "a-b"])
def test_a_range_that_is_none_is_refused(ports: str) -> None:
    """At the start, and not by a process that serves nothing."""
    with pytest.raises(ValidationError, match="metrics_ports"):
        QueueSettings(metrics_ports=ports)
