"""Row 15: what is no ticket lies in a queue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

from celery import Celery

from faults.audit import audit
from faults.client import chat
from faults.heard import require_whole, undisturbed
from faults.lanes import side_by_side
from faults.row import Row
from faults.trial import Trial
from faults.waiting import until
from faults.yard import Yard
from tasks.celery import CHAT_TASK, make_celery

TEXT = " ".join(str(number) for number in range(40))
TAKEN_S = 10.0
ALMOST_A_TICKET = (
    b'{"body": "AA==", "content-type": "application/json", "content-encoding": "utf-8",'
    b' "headers": {"task": "millrace.chat", "id": "x"}, "properties": {"delivery_tag": "x",'
    b' "delivery_info": {"exchange": "", "routing_key": "q"}, "body_encoding": "base64"}}'
)
GARBAGE = (
    b"garbage",
    b"",
    b"\x80\x04\xff\x00",
    b"null",
    b"[1, 2, 3]",
    b"{}",
    b'{"body": "", "headers": {}, "properties": {}}',
    b'{"body": 1, "headers": [], "properties": {"delivery_tag": null}}',
    b"[" * 50_000,
    ALMOST_A_TICKET,
)


def garbage(yard: Yard, _celery: Celery, queue: str, number: int) -> None:
    """Bytes that are no message."""
    yard.redis.lpush(queue, GARBAGE[number % len(GARBAGE)])


def unknown(_yard: Yard, celery: Celery, queue: str, number: int) -> None:
    """A message of a task that there is not."""
    celery.send_task(f"nobody.knows.{number}", args=["x"], queue=queue)


def pickled(_yard: Yard, celery: Celery, queue: str, number: int) -> None:
    """A message that could run any code if it were believed."""
    celery.send_task(CHAT_TASK, args=[f"x{number}"], queue=queue, serializer="pickle")


KINDS: tuple[Callable[[Yard, Celery, str, int], None], ...] = (garbage, unknown, pickled)


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """Garbage in ten shapes, tasks that nobody knows and pickled messages take turns: each is put
    into the queue of a model while it answers a stream. The stream must go on unharmed, the same
    process take the message away (none of it is left in the queue or among the unacknowledged) and
    then answer the next request."""
    celery = make_celery(yard.settings)
    yield from side_by_side(yard, numbers, partial(trial, celery=celery))
    celery.close()


def trial(yard: Yard, model: str, number: int, *, celery: Celery) -> Trial:
    """One message."""
    yard.wait_worker(model)
    worker, queue = yard.worker(model), yard.queue(model)
    before = worker.pid
    kind = KINDS[number % len(KINDS)]
    with yard.client(f"15-{number}") as client:
        stream = client.stream(chat(model, TEXT))
        stream.wait_events(5)
        kind(yard, celery, queue, number // len(KINDS))
        stream.wait_over()
        taken = until(lambda: not left_over(yard, queue), TAKEN_S)
        after = client.post(chat(model, "still there?"), timeout_s=30)
        counts = audit(yard.shelf, client.book.ids(), [undisturbed(stream, TEXT)])
        require_whole(counts, stream, TEXT)
        counts.require(taken, "the message is left")
        counts.require(after.status == 200, f"answered {after.status} afterwards {after.error}")
        counts.require(worker.pid == before, "the worker died")
        return counts.trial(number, note=kind.__name__)


def left_over(yard: Yard, queue: str) -> bool:
    """Whether anything is left in the queue, or unacknowledged of it."""
    unacked = yard.redis.hvals("unacked")
    return bool(yard.redis.llen(queue)) or any(queue.encode() in each for each in unacked)


ROWS = (
    Row(
        key="15",
        title="garbage, unknown tasks, pickle in the queue: the worker goes on",
        full=60,
        small=3,
        play=play,
    ),
)
