"""Row 13: ten thousand jobs wait at once."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from faults.audit import audit
from faults.client import Answer, Client, chat
from faults.lanes import attempted
from faults.part import ROOT
from faults.row import Row
from faults.setup import Setup
from faults.trial import Trial
from faults.yard import Yard

JOBS, FEW = 10_000, 500
CLIENTS = 16
ROUND_S = 1.0
# The seat of a keeper that was killed is free after this.
TERM_S = 8.0
DRAINED_S = 300.0
BACKLOG = Setup(models="fast.toml", env=(("MAX_WAITING", "20000"),))


def play(yard: Yard, numbers: Sequence[int], *, jobs: int) -> Iterator[Trial]:
    """10,000 background jobs are accepted while no worker runs. With all of them open a round of
    the reconciler, looking at every one of them, takes less than a second. Then the worker comes:
    every job ends as done, after one attempt. (500 jobs in ``make check``.)"""
    for number in numbers:
        yield attempted(partial(trial, yard, number, jobs), number)


def trial(yard: Yard, number: int, jobs: int) -> Trial:
    """One backlog."""
    worker, keeper = yard.worker("fast"), yard.part("keeper")
    with yard.client(f"13-{jobs}-{number}") as client:
        worker.hold_down()
        worker.kill()
        began = time.monotonic()
        answers = ask_all(client, jobs)
        asked_s = time.monotonic() - began
        keeper.hold_down()
        keeper.kill()
        rounds = rounds_s(yard)
        keeper.start()
        worker.start()
        began = time.monotonic()
        counts = audit(yard.shelf, client.book.ids(), within_s=DRAINED_S)
        drained_s = time.monotonic() - began
        refused = [answer.status for answer in answers if answer.status != 202]
        counts.require(not refused, f"{len(refused)} not accepted: {refused[:3]}")
        counts.require(rounds[0] < ROUND_S, f"a round took {rounds[0]:.2f} s")
        said = (
            f"accepted in {asked_s:.0f} s, a round over all of them {max(rounds):.2f} s,"
            f" all ended after {drained_s:.0f} s"
        )
        return counts.trial(number, note=said)


def ask_all(client: Client, jobs: int) -> list[Answer]:
    """The answers to so many background jobs; it ends early when the first is no 202."""
    first = ask(client, 0)
    if first.status != 202:
        return [first]
    with ThreadPoolExecutor(CLIENTS) as pool:
        return [first, *pool.map(partial(ask, client), range(1, jobs))]


def ask(client: Client, turn: int) -> Answer:
    """One background job."""
    body = chat("fast", f"job {turn}", background=True)
    return client.post(body, api=turn % len(client.urls), timeout_s=10)


def rounds_s(yard: Yard) -> list[float]:
    """How long rounds of a keeper take that is elected now."""
    yard.wait_for(lambda: not yard.redis.exists(yard.keys.reconciler), TERM_S, "the seat is taken")
    said = subprocess.run(
        [sys.executable, "-m", "faults.controls.one_round"],
        cwd=ROOT,
        env=yard.part("keeper").env,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    return [float(seconds) for seconds in json.loads(said.splitlines()[-1])]


ROWS = (
    Row(
        key="13",
        title="10,000 jobs queued at once: all end, a round over them < 1 s",
        full=1,
        small=0,
        play=partial(play, jobs=JOBS),
        setup=BACKLOG,
    ),
    Row(
        key="13",
        variant="few",
        title="500 jobs queued at once: all end",
        full=0,
        small=1,
        play=partial(play, jobs=FEW),
        setup=BACKLOG,
    ),
)
