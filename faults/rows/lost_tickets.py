"""Row 2: a worker dies with a ticket that it was given and never took."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

from faults.audit import audit
from faults.client import Client, chat
from faults.heard import require_whole, undisturbed
from faults.lanes import side_by_side
from faults.row import Row
from faults.setup import Setup
from faults.stream import Stream
from faults.trial import Trial
from faults.waiting import answered
from faults.yard import Yard

TEXT = "the ticket is gone, the job is not"
# The consumer asks Redis for a ticket for 1 s at a time: now and then it is frozen in between, and
# the ticket stays in the list. Then the trial is no trial, and it is made again.
TRIES = 5
PUBLISHED_S = 0.3
RECOVERED_S = 30.0
# Longer than Celery needs to give back what it knows of: the control's visibility timeout is 3 s,
# and it looks every 5 s.
GIVEN_UP_S = 14.0


class NoTicket(Exception):
    """Raised when the injury could not be done."""


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """SIGSTOP the idle worker, ask for an answer, SIGKILL the worker once Redis has handed it the
    ticket: the job is in no list of Celery's any more. Its client must read a whole answer, from
    the restarted worker, without asking again."""
    yield from side_by_side(yard, numbers, partial(trial, within_s=RECOVERED_S))


def play_without_keeper(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """The same with nobody who counts tickets: no keeper runs, and Celery's own restore of tickets
    that were not acknowledged works every 5 s. The job is expected to wait for ever."""
    yard.part("keeper").hold_down()
    yard.part("keeper").kill()
    yield from side_by_side(yard, numbers, partial(trial, within_s=GIVEN_UP_S))


def trial(yard: Yard, model: str, number: int, *, within_s: float) -> Trial:
    """One ticket lost with its worker."""
    with yard.client(f"2-{number}") as client:
        stream = strand(yard, client, model)
        killed = time.monotonic()
        yard.worker(model).kill()
        ended = stream.wait_over(within_s)
        counts = audit(yard.shelf, client.book.ids(), [undisturbed(stream, TEXT)], within_s=0)
        if ended:
            require_whole(counts, stream, TEXT)
        recovery_s = stream.events[0].at - killed if stream.events else None
        if not ended:
            stream.leave()
        return counts.trial(number, recovery_s)


def strand(yard: Yard, client: Client, model: str) -> Stream:
    """A request whose ticket went to the worker of ``model``, which is left frozen."""
    worker = yard.worker(model)
    for _ in range(TRIES):
        yard.wait_worker(model)
        worker.freeze()
        stream = client.stream(chat(model, TEXT))
        if answered(stream):
            time.sleep(PUBLISHED_S)
            if not waiting_in_list(yard, yard.queue(model), stream.job_id):
                return stream
        worker.thaw()
        stream.wait_over()
    raise NoTicket("the frozen worker was given none")


def waiting_in_list(yard: Yard, queue: str, job_id: str) -> bool:
    """Whether the job's own ticket lies in the queue's list (the keeper's bear no job's id)."""
    return any(job_id.encode() in ticket for ticket in yard.redis.lrange(queue, 0, -1))


ROWS = (
    Row(
        key="2",
        title="SIGSTOP idle worker, publish, SIGKILL",
        full=50,
        small=3,
        play=play,
    ),
    Row(
        key="2",
        variant="control",
        title="the same without a keeper, Celery's own restore only",
        full=6,
        small=2,
        play=play_without_keeper,
        setup=Setup(env=(("VISIBILITY_TIMEOUT_S", "3"),)),
        expected_to_fail=True,
    ),
)
