"""Measures of many processes: added up, and never less than before."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
import time

import pytest

from tasks import hosts, measures
from tasks.connection import Client, connect
from tasks.keys import Keys
from tasks.measures import Family, Measures, Sample, Snapshot, by_label
from tasks.settings import QueueSettings

MODEL = (("model", "m"),)
TOKENS = "millrace_generation_tokens_total"
ELSEWHERE = "another-machine"


def tokens(value: float) -> Family:
    """A counter that stands at ``value``."""
    samples = (Sample(TOKENS, MODEL, value),)
    return Family("millrace_generation_tokens", "counter", "Tokens.", samples)


def waits(short: float, all_: float) -> Family:
    """A histogram of one bound."""
    name = "millrace_wait_seconds"
    samples = (
        Sample(f"{name}_bucket", (("le", "1.0"), *MODEL), short),
        Sample(f"{name}_bucket", (("le", "+Inf"), *MODEL), all_),
        Sample(f"{name}_count", MODEL, all_),
        Sample(f"{name}_sum", MODEL, all_ * 2),
    )
    return Family(name, "histogram", "Waits.", samples)


def slots(value: float) -> Family:
    """A gauge."""
    return Family("millrace_slots", "gauge", "Slots.", (Sample("millrace_slots", MODEL, value),))


def snapshot(*families: Family, host: str = ELSEWHERE, pid: int = 1, born: int = 1) -> Snapshot:
    """What a process says, of another machine unless it is said otherwise."""
    return Snapshot(part="test", host=host, pid=pid, born=born, families=families)


def dead(*families: Family) -> Snapshot:
    """What a process of this machine had said that has ended since."""
    ended = subprocess.Popen([sys.executable, "-c", "pass"])
    ended.wait()
    return snapshot(*families, host=hosts.this_host(), pid=ended.pid, born=1)


@pytest.fixture
def place(client: Client, settings: QueueSettings) -> Measures:
    """The measures of an empty place."""
    return Measures(client, settings)


def test_two_processes_add_up(place: Measures) -> None:
    """Counters, gauges and every bucket of a histogram, each by its labels."""
    place.put("a", snapshot(tokens(3), slots(2), waits(1, 4)), first=True)
    place.put("b", snapshot(tokens(4), slots(5), waits(2, 2)), first=True)
    totals = place.totals()
    assert totals[TOKENS] == {MODEL: 7}
    assert totals["millrace_slots"] == {MODEL: 7}
    assert totals["millrace_wait_seconds_bucket"][(("le", "1.0"), *MODEL)] == 3
    assert totals["millrace_wait_seconds_count"] == {MODEL: 6}
    assert totals["millrace_wait_seconds_sum"] == {MODEL: 12}


def test_a_later_put_takes_the_place_of_the_earlier(place: Measures) -> None:
    """A process says all that it has counted each time, so that a repeated call adds nothing."""
    place.put("a", snapshot(tokens(3)), first=True)
    place.put("a", snapshot(tokens(5)))
    place.put("a", snapshot(tokens(5)))
    assert place.totals()[TOKENS] == {MODEL: 5}


def test_the_dead_leave_their_counts_and_no_gauges(place: Measures) -> None:
    """Before they are folded, and after."""
    place.put("a", dead(tokens(3), slots(2), waits(1, 4)), first=True)
    place.put("b", snapshot(tokens(4)), first=True)
    before = place.totals()
    assert place.fold_gone() == ["a"]
    after = place.totals()
    assert before[TOKENS] == after[TOKENS] == {MODEL: 7}
    assert before["millrace_wait_seconds_bucket"] == after["millrace_wait_seconds_bucket"]
    assert "millrace_slots" not in before
    assert "millrace_slots" not in after
    assert [put.process for put in place.puts()] == ["b"]


def test_what_was_folded_keeps_its_meaning(place: Measures) -> None:
    """A family that no living process has is still shown with its kind and its help."""
    place.put("a", dead(waits(1, 4)), first=True)
    place.fold_gone()
    [family] = place.families()
    assert (family.name, family.kind, family.help) == (
        "millrace_wait_seconds",
        "histogram",
        "Waits.",
    )


def test_the_silent_of_another_machine_are_folded_after_a_while(
    place: Measures, client: Client, settings: QueueSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can look whether they live: their gauges end first, their entry later."""
    place.put("a", snapshot(tokens(3), slots(2)), first=True)
    assert "millrace_slots" in place.totals()
    monkeypatch.setattr(measures, "SILENT_S", -1.0)
    assert "millrace_slots" not in place.totals()
    assert place.fold_gone() == []
    monkeypatch.setattr(measures, "GONE_S", -1.0)
    assert place.fold_gone() == ["a"]
    assert client.hlen(Keys(settings.key_prefix).measures) == 0
    assert place.totals()[TOKENS] == {MODEL: 3}


def test_who_puts_again_meanwhile_is_not_folded(place: Measures) -> None:
    """The fold is of the entry that was read, and of no later one."""
    place.put("a", snapshot(tokens(3)), first=True)
    [read] = place.puts()
    time.sleep(0.002)
    place.put("a", snapshot(tokens(4)))
    assert not place.fold(read)
    assert place.totals()[TOKENS] == {MODEL: 4}


def test_one_fold_of_many_counts(place: Measures) -> None:
    """Several keepers may see the same death: it is added once."""
    place.put("a", dead(tokens(3)), first=True)
    [read] = place.puts()
    assert [place.fold(read) for _ in range(3)] == [True, False, False]
    assert place.totals()[TOKENS] == {MODEL: 3}


def test_who_was_folded_is_told_so(place: Measures) -> None:
    """Its next put changes nothing: what it holds is counted already."""
    place.put("a", snapshot(tokens(3)), first=True)
    [read] = place.puts()
    place.fold(read)
    assert not place.put("a", snapshot(tokens(5)))
    assert place.totals()[TOKENS] == {MODEL: 3}


def test_an_entry_that_cannot_be_read_hides_no_other(
    place: Measures, client: Client, settings: QueueSettings
) -> None:
    """A newer release may write otherwise while both run."""
    place.put("a", snapshot(tokens(3)), first=True)
    client.hset(Keys(settings.key_prefix).measures, "b", b"12 not of this release")
    assert place.totals()[TOKENS] == {MODEL: 3}


def test_a_past_that_cannot_be_read_hides_no_other(
    place: Measures, client: Client, settings: QueueSettings
) -> None:
    """Another release may have written fields, numbers and meanings otherwise."""
    place.put("a", dead(tokens(3)), first=True)
    place.fold_gone()
    past = Keys(settings.key_prefix).measures_past
    client.hset(
        past,
        mapping={
            "odd": "1",
            '["f","g",[]]': "2.5",
            '["h","h_total",[]]': "1000000",
            "#h": "[1]",
            b"\xff": b"\xff",
        },
    )
    assert place.totals() == {TOKENS: {MODEL: 3}, "h_total": {(): 1}}


def test_a_past_that_is_no_number_begins_anew(
    place: Measures, client: Client, settings: QueueSettings
) -> None:
    """A fold that failed at it half-way would add the rest again in each round."""
    place.put("a", dead(tokens(3), waits(1, 4)), first=True)
    past = Keys(settings.key_prefix).measures_past
    field = '["millrace_wait_seconds","millrace_wait_seconds_count",[["model","m"]]]'
    client.hset(past, field, "2.5")
    assert place.fold_gone() == ["a"]
    assert client.hget(past, field) == b"4000000"
    assert place.totals()[TOKENS] == {MODEL: 3}


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_sample_that_is_no_number_hides_no_other(place: Measures, value: float) -> None:
    """It counts for nothing, read or folded."""
    place.put("a", dead(tokens(value), waits(1, 4)), first=True)
    assert place.totals()["millrace_wait_seconds_count"] == {MODEL: 4}
    assert place.fold_gone() == ["a"]
    assert place.totals()["millrace_wait_seconds_count"] == {MODEL: 4}


def test_tokens_by_model() -> None:
    """Samples of one name add up by a label's value."""
    samples = {
        (("kind", "a"), ("model", "m")): 1.0,
        (("kind", "b"), ("model", "m")): 2.0,
        (("model", "other"),): 4.0,
    }
    assert by_label(samples, "model") == {"m": 3.0, "other": 4.0}


def test_sums_do_not_fall_by_their_last_digit(place: Measures) -> None:
    """Fractions that floats add up differently in another order: before and after each fold."""
    name = "millrace_wait_seconds_sum"
    shares = [0.1, 0.2, 0.3, 1e-5, 0.7, 1 / 3]
    for number, share in enumerate(shares):
        place.put(f"p{number}", dead(waits(1, share / 2)), first=True)
    readings = [place.totals()[name][MODEL]]
    for put in place.puts():
        place.fold(put)
        readings.append(place.totals()[name][MODEL])
    assert len(set(readings)) == 1
    assert readings[0] == pytest.approx(sum(shares), abs=1e-5)


def test_totals_never_fall_while_processes_come_and_go(
    place: Measures, settings: QueueSettings
) -> None:
    """Counting, dying, folding and reading at once: each reading is at least the one before."""
    over = time.monotonic() + 1.5
    chance = random.Random(7)
    ended = dead()
    born = hosts.born(os.getpid()) or 0
    counted = 0

    def fold() -> None:
        folder = Measures(connect(settings.queue_url), settings)
        while time.monotonic() < over:
            folder.fold_gone()

    folders = [threading.Thread(target=fold) for _ in range(2)]
    for folder in folders:
        folder.start()
    readings: list[float] = []
    number = 0
    while time.monotonic() < over:
        number += 1
        mine = 0
        for step in range(chance.randint(1, 4)):
            mine += chance.randint(0, 3)
            alive = snapshot(tokens(mine), host=hosts.this_host(), pid=os.getpid(), born=born)
            assert place.put(f"p{number}", alive, first=step == 0)
            readings.append(place.totals()[TOKENS].get(MODEL, 0.0))
        gone = snapshot(tokens(mine), host=ended.host, pid=ended.pid, born=ended.born)
        place.put(f"p{number}", gone)
        counted += mine
        readings.append(place.totals()[TOKENS].get(MODEL, 0.0))
    for folder in folders:
        folder.join()
    assert readings == sorted(readings)
    assert place.totals()[TOKENS] == {MODEL: counted}
