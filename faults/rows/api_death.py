"""Row 3: an API process is killed in the middle of an answer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from functools import partial

from faults.audit import Expected, audit
from faults.balancer import RESUMABLE
from faults.client import Client, chat
from faults.lanes import attempted
from faults.row import Row
from faults.setup import Setup
from faults.stream import Stream
from faults.trial import Trial
from faults.wire import gapless
from faults.yard import APIS, Yard

TEXT = " ".join(str(number) for number in range(110))
LONG_TEXT = " ".join(str(number) for number in range(700))
LISTENER_LEASE_S = 3.0
# The reconciler looks every second, and the worker stops at its next step.
CANCELLED_S = LISTENER_LEASE_S + 4.0


def play_resumed(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """kill -9 of one API (gunicorn and its worker) with an answer of 4 s under way that was asked
    for with ``Millrace-Resume: 60``. Its client goes to the other API with ``Last-Event-ID`` (every
    other trial with ``?starting_after=``) and gets the rest. What it heard in both parts is, byte
    for byte, what a replay from the first event says, and the text of an undisturbed run."""
    for number in numbers:
        yield attempted(partial(resumed, yard, number), number)


def play_left(yard: Yard, numbers: Sequence[int]) -> Iterator[Trial]:
    """The same without the header, and nobody comes back: the job is cancelled when its listener's
    lease ends (3 s on this yard; 30 s by default), not before half of it, and its slot is free."""
    for number in numbers:
        yield attempted(partial(left, yard, number), number)


def resumed(yard: Yard, number: int) -> Trial:
    """One kill; A and B take turns, and the place moves through the answer."""
    yard.wait_ready()
    dying, other = number % 2, 1 - number % 2
    with yard.client(f"3-resumed-{number}") as client:
        model = yard.models[number % len(yard.models)].name
        stream = client.stream(chat(model, TEXT), headers=RESUMABLE, api=dying)
        stream.wait_events(2 + number * 7 % 100)
        killed = time.monotonic()
        yard.part(APIS[dying]).kill()
        stream.wait_over()
        heard_before = len(stream.events)
        cut = stream.broken
        client.resume(stream, other, by_query=number % 4 >= 2)
        stream.wait_over()
        replay = replayed(client, stream, other)
        heard = Expected(stream.job_id, heard=tuple(stream.events), text=TEXT)
        counts = audit(yard.shelf, client.book.ids(), [heard])
        counts.require(cut is not None, "the stream was not cut")
        counts.require(stream.whole, f"resumed, it ended with {stream.ending}")
        counts.require(gapless(stream.events), "a gap or a repeat where it was resumed")
        counts.require(stream.text == TEXT, "the text is not that of an undisturbed run")
        counts.require(data_of(stream) == data_of(replay), "a replay has other bytes")
        rest = stream.events[heard_before:]
        return counts.trial(number, rest[0].at - killed if rest else None)


def left(yard: Yard, number: int) -> Trial:
    """One kill, and a client that is gone with its API."""
    yard.wait_ready()
    dying = number % 2
    with yard.client(f"3-left-{number}") as client:
        model = yard.models[number % len(yard.models)].name
        stream = client.stream(chat(model, LONG_TEXT), api=dying)
        stream.wait_events(20)
        killed = time.monotonic()
        yard.part(APIS[dying]).kill()
        stream.wait_over()
        ends = frozenset({"cancelled"})
        heard = Expected(stream.job_id, ends=ends, heard=tuple(stream.events))
        counts = audit(yard.shelf, client.book.ids(), [heard], within_s=CANCELLED_S)
        took_s = time.monotonic() - killed
        counts.require(took_s > LISTENER_LEASE_S / 2, f"cancelled after {took_s:.1f} s already")
        running = yard.redis.zcard(yard.keys.running(yard.queue(model)))
        counts.require(running == 0, f"{running} jobs run for nobody")
        return counts.trial(number, took_s)


def replayed(client: Client, stream: Stream, api: int) -> Stream:
    """The stream of the same job from its first event on."""
    replay = Stream(client.book)
    replay.job_id = stream.job_id
    client.resume(replay, api)
    replay.wait_over()
    return replay


def data_of(stream: Stream) -> list[tuple[int, str]]:
    """Numbers and data of its events."""
    return [(event.seq, event.data) for event in stream.events]


ROWS = (
    Row(
        key="3",
        variant="resumed",
        title="kill -9 API mid-stream, resumed on the other: byte for byte",
        full=100,
        small=2,
        play=play_resumed,
    ),
    Row(
        key="3",
        variant="left",
        title="kill -9 API mid-stream, nobody resumes: cancelled when the listener's lease ends",
        full=20,
        small=1,
        play=play_left,
        setup=Setup(env=(("LISTENER_LEASE_S", "3"),)),
    ),
)
