"""Row 11: clients go away in the middle of their answers, and while they wait for them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

from celery import Celery

from faults.audit import audit
from faults.client import Client, chat
from faults.lanes import side_by_side
from faults.raw import RawPost
from faults.row import Row
from faults.trial import Trial
from faults.waiting import until
from faults.yard import Yard
from tasks.celery import make_celery
from tasks.roster import Roster

# 30 s of an answer: whoever is still at it a second later was not stopped.
TEXT = "word " * 720
CANCELLED = frozenset({"cancelled"})
NOTICED_S = 5.0
# A disconnect is looked for every 0.25 s.
SOON_S = 2.0
SILENCE_S = 0.3


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """The client of every third trial leaves a stream between two events, of every third while it
    waits for a whole answer, and of every third with its job still in the queue behind eight others
    that leave with it. Within 2 s all of them must be cancelled, nothing more is generated (the log
    does not grow), and the worker's slots are all free: it is asked for them, by remote control."""
    celery = make_celery(yard.settings)
    yield from side_by_side(yard, numbers, partial(trial, celery=celery))
    celery.close()


def trial(yard: Yard, model: str, number: int, *, celery: Celery) -> Trial:
    """One or more clients that leave."""
    yard.wait_worker(model)
    yard.wait_for(lambda: not running(yard, model), 10, "the lane is not idle")
    with yard.client(f"11-{number}") as client:
        leave = (leave_stream, leave_whole, leave_queue)[number % 3]
        ids, left = leave(yard, client, model)
        free = until(lambda: not running(yard, model), NOTICED_S)
        took_s = time.monotonic() - left
        ids = list(dict.fromkeys([*ids, *client.book.ids()]))
        counts = audit(yard.shelf, ids, ends=CANCELLED, within_s=NOTICED_S)
        counts.require(free and took_s < SOON_S, f"running {took_s:.1f} s after its client left")
        lengths = [length(yard, job_id) for job_id in ids]
        time.sleep(SILENCE_S)
        grown = lengths != [length(yard, job_id) for job_id in ids]
        counts.require(not grown, "it was generated on")
        busy = slots(yard, celery, model)
        counts.require(busy == {}, f"slots leaked: {busy}")
        return counts.trial(number, took_s)


def leave_stream(_yard: Yard, client: Client, model: str) -> tuple[list[str], float]:
    """Leave a stream between two events."""
    stream = client.stream(chat(model, TEXT))
    stream.wait_events(10)
    left = time.monotonic()
    stream.leave()
    return [stream.job_id], left


def leave_whole(yard: Yard, _client: Client, model: str) -> tuple[list[str], float]:
    """Leave while the whole answer is being generated."""
    post = RawPost(yard.urls[0], chat(model, TEXT))
    yard.wait_for(lambda: len(running(yard, model)) == 1, 10, "the job does not run")
    ids = running(yard, model)
    left = time.monotonic()
    post.leave()
    return ids, left


def leave_queue(yard: Yard, client: Client, model: str) -> tuple[list[str], float]:
    """Leave with one more than there are slots: one of them waits."""
    many = next(each.slots for each in yard.models if each.name == model)
    streams = [client.stream(chat(model, TEXT), api=turn % 2) for turn in range(many + 1)]
    yard.wait_for(lambda: len(running(yard, model)) == many, 10, "the slots are not filled")
    yard.wait_for(lambda: all(each.job_id for each in streams), 10, "not all are accepted")
    left = time.monotonic()
    for stream in streams:
        stream.leave()
    return [stream.job_id for stream in streams], left


def running(yard: Yard, model: str) -> list[str]:
    """The jobs that the model's workers hold."""
    held = yard.redis.zrange(yard.keys.running(yard.queue(model)), 0, -1)
    return [job_id.decode() for job_id in held]


def length(yard: Yard, job_id: str) -> int:
    """How many events the job's log has."""
    return int(yard.redis.xlen(yard.keys.log(job_id)))


def slots(yard: Yard, celery: Celery, model: str) -> object:
    """The slots that the model's worker says are not idle; None when it says nothing."""
    reports = Roster(yard.redis, yard.settings).workers(yard.queue(model)).values()
    node = next((report.node for report in reports if report.state == "ready"), "")
    answers = celery.control.broadcast("slots", destination=[node], reply=True, timeout=5, limit=1)
    told = next((answer[node] for answer in answers or () if node in answer), None)
    if not isinstance(told, dict):
        return None
    return {slot: each for slot, each in told.items() if each["state"] != "idle"}


ROWS = (
    Row(
        key="11",
        title="clients leave: generation stops, leaked slots",
        full=100,
        small=3,
        play=play,
    ),
)
