"""Row 17: twenty minutes of load and random faults."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial

from faults.audit import Counts, audit
from faults.client import chat
from faults.flatness import Gauge
from faults.lanes import attempted
from faults.load import Load
from faults.part import Process
from faults.row import Row
from faults.setup import Setup
from faults.trial import Trial
from faults.yard import Yard

SOAK_S = 20 * 60.0
CLIENTS = 8
# What a process takes once for its work is none that it loses: readings begin after this.
WARM_S = 120.0
FAULT_EVERY_S = (8.0, 20.0)
# Past the lease of 6 s: its jobs go on elsewhere, and what it says later is stale.
ZOMBIE_S, HICCUP_S = 8.0, 5.0
# These live through all of it, so that their memory means something.
SURVIVORS = ("api-b", "worker-lane5-1")
CANCELLED = frozenset({"cancelled"})

Fault = tuple[str, Callable[[], object]]


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """8 clients ask without a pause for 20 minutes; every 8 to 20 s something of this list happens:
    a worker is killed, frozen past its lease, or ended by SIGTERM; the keeper or API A is killed or
    ended; Redis is killed, or frozen for 5 s; a client leaves in the middle. 503 is a right answer
    meanwhile; everything that was accepted must end whole. API B and the worker of lane 5 are not
    injured: their memory and their descriptors, and what Redis stores, are flat from the second
    minute on. Logs, results and listeners expire within a minute on this yard."""
    for number in numbers:
        yield attempted(partial(trial, yard, number), number)


def trial(yard: Yard, number: int) -> Trial:
    """One soak."""
    dice = random.Random(number)
    with yard.client(f"17-{number}") as client:
        load = Load(yard, client, CLIENTS, seed=number, refusals_allowed=True)
        gauge = Gauge(yard, SURVIVORS)
        load.start()
        try:
            left_behind, done = injured(yard, dice, gauge, load)
        finally:
            counts = load.stop()
        counts.add(left_behind)
        for note in gauge.grown():
            counts.require(False, note)
        said = f"{done} faults, {load.resumed} streams taken up again; {gauge.said()}"
        return counts.trial(number, load.longest_pause_s, said)


def injured(yard: Yard, dice: random.Random, gauge: Gauge, load: Load) -> tuple[Counts, int]:
    """Do something random again and again; the counts of clients that left, and how many faults."""
    counts, done = Counts(), 0
    began = time.monotonic()
    while time.monotonic() - began < SOAK_S:
        load.injury, happen = dice.choice(every_fault(yard, dice, counts))
        happen()
        done += 1
        yard.mend()
        if time.monotonic() - began > min(WARM_S, SOAK_S / 4):
            gauge.read()
        time.sleep(dice.uniform(*FAULT_EVERY_S))
    return counts, done


def every_fault(yard: Yard, dice: random.Random, counts: Counts) -> list[Fault]:
    """What may happen now."""
    worker = dice.choice([part for part in yard.workers if part.name not in SURVIVORS])
    keeper, api, redis = yard.part("keeper"), yard.part("api-a"), yard.part("redis-queue")
    return [
        ("kill worker", worker.kill),
        ("drain worker", worker.term),
        ("freeze worker", partial(frozen, worker, ZOMBIE_S)),
        ("kill keeper", keeper.kill),
        ("stop keeper", keeper.term),
        ("kill API", api.kill),
        ("stop API", api.term),
        ("kill Redis", redis.kill),
        ("freeze Redis", partial(frozen, redis, HICCUP_S)),
        ("leave", partial(left, yard, dice, counts)),
    ]


def frozen(part: Process, seconds: float) -> None:
    """Stop a part for a while."""
    part.freeze()
    time.sleep(seconds)
    part.thaw()


def left(yard: Yard, dice: random.Random, counts: Counts) -> None:
    """A client leaves in the middle of an answer of 20 s, which is then nobody's any more."""
    with yard.client(f"17-left-{time.monotonic_ns()}") as client:
        model = dice.choice(yard.models).name
        stream = client.stream(chat(model, "left behind " * 200), api=1)
        stream.wait_events(10, 10)
        stream.leave()
        counts.add(audit(yard.shelf, client.book.ids(), ends=CANCELLED))


ROWS = (
    Row(
        key="17",
        title="20 minutes of load and random faults: nothing lost, memory flat",
        full=1,
        small=0,
        play=play,
        setup=Setup(
            env=(("JOB_TTL_S", "60"), ("ANSWERED_TTL_S", "60"), ("LISTENER_LEASE_S", "10"))
        ),
    ),
)
