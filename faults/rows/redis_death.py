"""Rows 4 and 5: the queue's Redis dies, or stops answering, while answers are under way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from faults.audit import Counts, Expected, audit
from faults.client import Answer, Client, chat
from faults.lanes import attempted
from faults.row import Row
from faults.setup import Setup
from faults.stream import Stream
from faults.trial import Trial
from faults.wire import longest_pause_s
from faults.yard import NotReady, Yard

TEXT = " ".join(str(number) for number in range(90))
STREAMS_A_LANE = 2
FROZEN_S = 30.0
REFUSED_S = 12.0
RECOVERED_S = 30.0
# Requests into the frozen Redis, this long after it stopped.
# Longer than a listener's lease: what nobody was promised is cancelled when that ends.
CLEAN_S = 45.0
ASKED_AT_S = (1.0, 8.0, 15.0)


def play_killed(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """kill -9 of Redis while 12 answers stream; it is restarted at once. Every answer completes
    without its client doing anything, and no attempt is lost by it."""
    for number in numbers:
        yield attempted(partial(killed, yard, number), number)


def play_frozen(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """SIGSTOP of Redis for 30 s while 12 answers stream. What is asked meanwhile gets 503 within
    12 s; the streams complete, and new work is answered, within 30 s of its going on. (Leases end
    while Redis is frozen: whoever may call a worker dead must first have seen it fail to renew.)"""
    for number in numbers:
        yield attempted(partial(frozen, yard, number), number)


def killed(yard: Yard, number: int) -> Trial:
    """One death; the place moves through the answers with the trial's number."""
    yard.wait_ready()
    with yard.client(f"4-{yard.settings.queue_fsync}-{number}") as client:
        streams = under_way(yard, client, 2 + number * 7 % 60)
        at = time.monotonic()
        yard.part("redis-queue").kill()
        counts = completed(yard, client, streams)
        return counts.trial(number, max(longest_pause_s(each.events, at) for each in streams))


def frozen(yard: Yard, number: int) -> Trial:
    """One freeze."""
    yard.wait_ready()
    with yard.client(f"5-{number}") as client:
        streams = under_way(yard, client, 20)
        redis = yard.part("redis-queue")
        at = time.monotonic()
        redis.freeze()
        with ThreadPoolExecutor(len(ASKED_AT_S)) as pool:
            refused = list(pool.map(partial(asked_at, yard, client, at), ASKED_AT_S))
        time.sleep(max(at + FROZEN_S - time.monotonic(), 0))
        redis.thaw()
        thawed = time.monotonic()
        answered = yard.wait_for(lambda: answers(yard, client), RECOVERED_S, "no answer")
        counts = completed(yard, client, streams)
        for answer in refused:
            said = f"{answer.status} {answer.error} after {answer.took_s:.1f} s"
            in_time = answer.status == 503 and answer.took_s <= REFUSED_S
            counts.require(in_time, f"asked while it was frozen: {said}")
        resumed_s = [first_after(each, thawed) for each in streams]
        recovery_s = max(answered, *resumed_s)
        counts.require(recovery_s <= RECOVERED_S, f"recovered after {recovery_s:.1f} s")
        slowest_s = max(answer.took_s for answer in refused)
        return counts.trial(number, recovery_s, f"503 after at most {slowest_s:.1f} s")


def under_way(yard: Yard, client: Client, events: int) -> list[Stream]:
    """Streams on every lane over both APIs, the first of which has got so far."""
    streams = [
        client.stream(chat(model.name, TEXT), api=turn % len(yard.urls))
        for model in yard.models
        for turn in range(STREAMS_A_LANE)
    ]
    for stream in streams:
        stream.wait_events(1)
    streams[0].wait_events(events)
    return streams


def completed(yard: Yard, client: Client, streams: Sequence[Stream]) -> Counts:
    """The counts once every stream is over; all have the whole text, and nothing is left open."""
    for stream in streams:
        stream.wait_over()
    heard = [Expected(each.job_id, heard=tuple(each.events), text=TEXT) for each in streams]
    of_others = set(client.book.ids()) - {each.job_id for each in streams}
    counts = audit(yard.shelf, client.book.ids(), [*heard, *map(Expected, of_others)])
    for stream in streams:
        whole = stream.whole and stream.text == TEXT
        counts.require(whole, f"a stream ended with {stream.ending}")
    with contextlib.suppress(NotReady):
        yard.wait_for(lambda: not yard.shelf.open_ids(), CLEAN_S, "no job is open")
        return counts
    counts.require(False, "jobs are open that no client was promised")
    return counts


def asked_at(yard: Yard, client: Client, frozen_at: float, after_s: float) -> Answer:
    """What is answered to a request that is made so long after the freeze."""
    time.sleep(max(frozen_at + after_s - time.monotonic(), 0))
    return client.post(chat(yard.models[0].name, "refused"), timeout_s=30)


def answers(yard: Yard, client: Client) -> bool:
    """Whether new work is done."""
    return client.post(chat(yard.models[0].name, "back"), timeout_s=10).status == 200


def first_after(stream: Stream, at: float) -> float:
    """How long after ``at`` the stream went on."""
    return next((event.at - at for event in stream.events if event.at > at), 0.0)


def killed_row(policy: str, setup: Setup) -> Row:
    """Row 4 under one policy of syncing the append-only file."""
    return Row(
        key="4",
        variant=policy,
        title=f"kill -9 Redis while busy, appendfsync {policy}",
        full=20,
        small=1,
        play=play_killed,
        setup=setup,
    )


ROWS = (
    killed_row("everysec", Setup()),
    killed_row("always", Setup(env=(("QUEUE_FSYNC", "always"),))),
    Row(
        key="5",
        title="Redis frozen for 30 s: 503 within 12 s, recovery within 30 s",
        full=5,
        small=0,
        play=play_frozen,
    ),
)
