"""Row 8: a job's ticket comes again and again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from celery import Celery

from faults.audit import Counts, audit
from faults.client import chat
from faults.heard import require_whole, undisturbed
from faults.lanes import side_by_side
from faults.row import Row
from faults.setup import Setup
from faults.told import about
from faults.trial import Trial
from faults.waiting import answered, until
from faults.yard import Yard
from tasks.celery import make_celery, publish_ticket

TEXT = " ".join(str(number) for number in range(60))
# With the API's own they are ten: before it runs or just then, while it runs, after its end.
AT_ONCE, MEANWHILE, AFTERWARDS = 3, 3, 3
TAKEN_S = 10.0


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """Beside the API's own ticket nine more of the same job are published: three at once, three in
    the middle of the answer, three after its end. One execution counts, by the ledger's attempts
    and by the worker's own log; the client reads the text once, and nothing follows the end."""
    celery = make_celery(yard.settings)
    yield from side_by_side(yard, numbers, partial(trial, celery=celery))
    celery.close()


def trial(yard: Yard, model: str, number: int, *, celery: Celery) -> Trial:
    """Ten deliveries."""
    yard.wait_worker(model)
    with yard.client(f"8-{number}") as client:
        stream = client.stream(chat(model, TEXT))
        answered(stream)
        deliver(yard, celery, model, stream.job_id, AT_ONCE)
        stream.wait_events(10)
        deliver(yard, celery, model, stream.job_id, MEANWHILE)
        stream.wait_over()
        deliver(yard, celery, model, stream.job_id, AFTERWARDS)
        taken = until(lambda: taken_all(yard, model), TAKEN_S)
        counts = audit(yard.shelf, client.book.ids(), [undisturbed(stream, TEXT)])
        counts.require(taken, "tickets are left")
        require_whole(counts, stream, TEXT)
        count_runs(counts, yard, model, stream.job_id)
        return counts.trial(number)


def deliver(yard: Yard, celery: Celery, model: str, job_id: str, times: int) -> None:
    """Publish the job's ticket so many times."""
    for _ in range(times):
        publish_ticket(celery, yard.queue(model), job_id)


def taken_all(yard: Yard, model: str) -> bool:
    """Whether every ticket of the queue was taken and acknowledged."""
    queue = yard.queue(model)
    unacked = yard.redis.hvals("unacked")
    return not yard.redis.llen(queue) and not any(queue.encode() in each for each in unacked)


def count_runs(counts: Counts, yard: Yard, model: str, job_id: str) -> None:
    """Count as well what the worker says that it began and the ledger does not know of."""
    began = [line for line in about(yard.worker(model).log, job_id) if line.what == "job started"]
    if len(began) > max(yard.shelf.attempt(job_id), 1):
        counts.breach("doubled_runs", f"the worker began it {len(began)} times")


ROWS = (
    Row(
        key="8",
        title="the same ticket delivered 10 times: one execution",
        full=50,
        small=3,
        play=play,
    ),
    Row(
        key="8",
        variant="control",
        title="the same without the claim rule",
        full=6,
        small=2,
        play=play,
        setup=Setup(worker_app="faults.controls.unclaimed"),
        expected_to_fail=True,
    ),
)
