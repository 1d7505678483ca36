"""Row 9: Redis drops its subscribers' connections while they listen."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from functools import partial

from faults.audit import audit
from faults.client import chat
from faults.heard import require_whole, undisturbed
from faults.lanes import side_by_side
from faults.row import Row
from faults.setup import Setup
from faults.trial import Trial
from faults.waiting import until
from faults.yard import Yard

# About 3 s of an answer, in which all subscriptions are cut some ten times.
TEXT = " ".join(str(number) for number in range(100))
EVERY_S = 0.25
FEWEST_CUTS = 5
# An answer without its end is waited for no longer.
ENDED_S = 10.0


class Cutter:
    """Kills every pub/sub connection of Redis, again and again, from a thread."""

    def __init__(self, yard: Yard) -> None:
        self.cuts = 0
        self._redis = yard.redis
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cutter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Kill no more."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(EVERY_S):
            # Those of the workers too, by which they hear of cancellations and of commands.
            self._redis.execute_command("CLIENT", "KILL", "TYPE", "pubsub")
            self.cuts += 1


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """Every subscription is killed four times a second (CLIENT KILL TYPE pubsub) while streams run;
    a trial is one of them. Its client must read the undisturbed text in events 1..n, to the end."""
    cutter = Cutter(yard)
    try:
        yield from side_by_side(yard, numbers, partial(trial, cutter=cutter))
    finally:
        cutter.close()


def trial(yard: Yard, model: str, number: int, *, cutter: Cutter) -> Trial:
    """One stream."""
    with yard.client(f"9-{number}") as client:
        before, began = cutter.cuts, time.monotonic()
        stream = client.stream(chat(model, TEXT))
        ended = until(lambda: stream.over, ENDED_S)
        took_s, cuts = time.monotonic() - began, cutter.cuts - before
        counts = audit(yard.shelf, client.book.ids(), [undisturbed(stream, TEXT)])
        if not ended:
            counts.breach("stuck", "the job ended, and its client heard no end")
            stream.leave()
        require_whole(counts, stream, TEXT)
        counts.require(cuts >= FEWEST_CUTS, f"only {cuts} cuts in {took_s:.1f} s")
        return counts.trial(number)


ROWS = (
    Row(
        key="9",
        title="pub/sub connections killed mid-stream",
        full=100,
        small=3,
        play=play,
    ),
    Row(
        key="9",
        variant="control",
        title="the same without reading the log",
        full=12,
        small=2,
        play=play,
        setup=Setup(api_app="faults.controls.unlogged_stream:create_app()"),
        expected_to_fail=True,
    ),
)
