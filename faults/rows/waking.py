"""Row 7, alone: a worker that is frozen past its lease, and is its own successor."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from faults.audit import audit
from faults.client import chat
from faults.heard import require_whole, undisturbed
from faults.lanes import side_by_side
from faults.row import Row
from faults.trial import Trial
from faults.wire import longest_pause_s
from faults.yard import Yard

TEXT = " ".join(str(number) for number in range(160))
# With those that come while it sleeps there are tickets for it when it wakes.
STREAMS, LATER = 4, 4
# The lease is 6 s, and the reconciler looks every second.
FROZEN_S = 8.0


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """SIGSTOP for 8 s of the only worker that a model has, with four answers under way and four
    more asked for meanwhile, then SIGCONT. The first four jobs went back to waiting, and the
    process that wakes takes them again while it still computes them: two attempts of one job in
    one process. The clients stay connected and read the text of an undisturbed run."""
    yield from side_by_side(yard, numbers, trial)


def trial(yard: Yard, model: str, number: int) -> Trial:
    """One freeze; the place moves through the answers with the trial's number."""
    with yard.client(f"7-alone-{number}") as client:
        yard.wait_worker(model)
        streams = [client.stream(chat(model, TEXT)) for _ in range(STREAMS)]
        for stream in streams:
            stream.wait_events(5 + number * 7 % 80)
        worker = yard.worker(model)
        frozen = time.monotonic()
        worker.freeze()
        time.sleep(FROZEN_S - 1.0)
        streams += [client.stream(chat(model, TEXT)) for _ in range(LATER)]
        time.sleep(1.0)
        worker.thaw()
        for stream in streams:
            stream.wait_over()
        expected = [undisturbed(stream, TEXT, deaths=1) for stream in streams]
        counts = audit(yard.shelf, client.book.ids(), expected)
        for stream in streams:
            require_whole(counts, stream, TEXT)
        attempts = [yard.shelf.attempt(stream.job_id) for stream in streams]
        counts.require(attempts == [2] * STREAMS + [1] * LATER, f"attempts {attempts}")
        pauses = [longest_pause_s(stream.events, frozen) for stream in streams]
        return counts.trial(number, max(pauses))


ROWS = (
    Row(
        key="7",
        variant="alone",
        title="SIGSTOP past the lease, SIGCONT, and no other worker: its own jobs go on",
        full=50,
        small=3,
        play=play,
    ),
)
