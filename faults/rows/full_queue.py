"""Row 12: more is asked for than may wait."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from faults.audit import Counts, Expected, audit
from faults.client import Answer, Client, chat
from faults.lanes import one_by_one
from faults.row import Row
from faults.stream import Stream
from faults.trial import Trial
from faults.yard import Yard

SURPLUS = 500
CALLERS = 8
# Those that hold the slots meanwhile: 60 s of an answer, left when all are asked.
LONG = "word " * 1440
SHORT = "ok"
CANCELLED = frozenset({"cancelled"})
WORKED_OFF_S = 120.0


def play(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """With every slot of a model taken, 500 more background jobs are asked for than may wait (1,000
    by default), by eight callers at once, through both APIs. Exactly so many must be accepted as
    may wait, and exactly 500 be answered 429 ``queue_full`` with a ``Retry-After``. Then the slots
    are freed, and every accepted job must end done; one more request is answered."""
    yield from one_by_one(yard, numbers, trial)


def trial(yard: Yard, model: str, number: int) -> Trial:
    """One flood."""
    limit = yard.settings.max_waiting
    with yard.client(f"12-{number}") as client:
        holders = taken_slots(yard, client, model)
        answers = flood(client, model, limit + SURPLUS)
        for holder in holders:
            holder.leave()
        freed = time.monotonic()
        held = [Expected(holder.job_id, ends=CANCELLED) for holder in holders]
        counts = audit(yard.shelf, client.book.ids(), held, within_s=WORKED_OFF_S)
        worked_off_s = time.monotonic() - freed
        count_answers(counts, answers, limit)
        after = client.post(chat(model, SHORT))
        counts.require(after.status == 200, f"answered {after.status} {after.code} afterwards")
        return counts.trial(number, worked_off_s)


def taken_slots(yard: Yard, client: Client, model: str) -> list[Stream]:
    """Streams that take every slot of the model."""
    slots = next(each.slots for each in yard.models if each.name == model)
    streams = [client.stream(chat(model, LONG)) for _ in range(slots)]
    for stream in streams:
        stream.wait_events(2)
    return streams


def flood(client: Client, model: str, number: int) -> list[Answer]:
    """So many background jobs, asked for by eight callers."""
    body = chat(model, SHORT, background=True)
    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(lambda turn: client.post(body, api=turn % 2), range(number)))


def count_answers(counts: Counts, answers: Sequence[Answer], limit: int) -> None:
    """Hold the answers against what was owed: as many 202 as may wait, and 429 for the others."""
    accepted = [answer for answer in answers if answer.status == 202]
    refused = [answer for answer in answers if answer.status == 429]
    others = sorted({answer.status for answer in answers} - {202, 429})
    counts.require(len(accepted) == limit, f"{len(accepted)} accepted instead of {limit}")
    counts.require(len(refused) == SURPLUS, f"{len(refused)} refused instead of {SURPLUS}")
    counts.require(not others, f"answered {others}")
    told = all(answer.headers.get("retry-after", "").isdigit() for answer in refused)
    counts.require(told, "a 429 without Retry-After")
    counts.require(all(answer.code == "queue_full" for answer in refused), "another code")


ROWS = (
    Row(
        key="12",
        title="queue full: the limit and 500 more",
        full=3,
        small=1,
        play=play,
    ),
)
