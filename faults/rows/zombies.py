"""Row 7: a worker that was frozen past its lease wakes up, and goes on as if nothing had been."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

from faults.audit import audit
from faults.client import chat
from faults.heard import require_whole, undisturbed
from faults.lanes import side_by_side
from faults.part import Process
from faults.row import Row
from faults.setup import Setup
from faults.stream import Stream
from faults.told import about
from faults.trial import Trial
from faults.yard import Yard

# About 5 s of an answer: a second before the freeze, the rest for two attempts to meet in.
TEXT = " ".join(str(number) for number in range(160))
TAKEN_OVER_S = 20.0
NOTICED_S = 20.0


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """Two workers serve each model. The one that has the job is stopped (SIGSTOP) until its lease
    is over and the other one continues the answer; then it is woken (SIGCONT): in the middle of the
    other's attempt, every second time after its end. Whatever it says then is a stale write, and
    would show in the log: text twice, a gap, a second end. The stored text must be the undisturbed
    one, and the zombie must say itself that it was fenced off."""
    yield from side_by_side(yard, numbers, trial)


def play_unfenced(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """The same with workers whose appends are not fenced and whose leases are never lost."""
    yield from side_by_side(yard, numbers, trial_unfenced)


def trial(yard: Yard, model: str, number: int) -> Trial:
    """One zombie."""
    return met(yard, model, number, fenced=True)


def trial_unfenced(yard: Yard, model: str, number: int) -> Trial:
    """One zombie that nobody stops."""
    return met(yard, model, number, fenced=False)


def met(yard: Yard, model: str, number: int, *, fenced: bool) -> Trial:
    """Two attempts of one job that are alive at once."""
    for worker_number in (1, 2):
        yard.wait_worker(model, worker_number)
    with yard.client(f"7-{fenced}-{number}") as client:
        stream = client.stream(chat(model, TEXT))
        stream.wait_events(20 + number % 20)
        zombie = holder(yard, model, stream)
        zombie.freeze()
        frozen = time.monotonic()
        try:
            yard.wait_for(
                lambda: yard.shelf.attempt(stream.job_id) > 1, TAKEN_OVER_S, "nobody took it over"
            )
            taken_over_s = time.monotonic() - frozen
            if number % 2:
                time.sleep(0.5)
            else:
                stream.wait_over()
        finally:
            zombie.thaw()
        yard.wait_for(lambda: gave_up(zombie, stream), NOTICED_S, "the zombie works for ever")
        stream.wait_over()
        counts = audit(yard.shelf, client.book.ids(), [undisturbed(stream, TEXT, deaths=1)])
        require_whole(counts, stream, TEXT)
        if fenced:
            told = about(zombie.log, stream.job_id)
            counts.require(any(line.fenced for line in told), "the zombie was not fenced off")
        return counts.trial(number, taken_over_s)


def holder(yard: Yard, model: str, stream: Stream) -> Process:
    """The worker that has the stream's job."""
    name = (yard.redis.hget(yard.keys.job(stream.job_id), "holder") or b"").decode()
    workers = [yard.worker(model, number) for number in (1, 2)]
    return next(each for each in workers if f"#{each.pid}." in name)


def gave_up(zombie: Process, stream: Stream) -> bool:
    """Whether the woken worker is through with the job, one way or the other."""
    return any(line.what == "job over" for line in about(zombie.log, stream.job_id))


ROWS = (
    Row(
        key="7",
        title="zombie: SIGSTOP past the lease, taken over, SIGCONT: stale writes",
        full=50,
        small=3,
        play=play,
        setup=Setup(workers=2),
    ),
    Row(
        key="7",
        variant="control",
        title="the same without fencing",
        full=6,
        small=2,
        play=play_unfenced,
        setup=Setup(workers=2, worker_app="faults.controls.unfenced"),
        expected_to_fail=True,
    ),
)
