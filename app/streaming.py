"""The body of an event stream: chunks, and signs of life while there are none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import redis

from app import sse
from app.client import Client
from app.following import ClientLeft, events_of
from app.openai.errors import ServerRestarting, body_of
from app.openai.restart import resumable_ending
from app.rendering import Chunks
from tasks.errors import TaskError
from tasks.events import Done, Event
from tasks.subscription import Subscription

# A job that waits says where in its line it is: soon at first, then with every sign of life.
FIRST_POSITION_S = 0.5

Position = Callable[[], int | None]


def body(
    subscription: Subscription,
    client: Client,
    chunks: Chunks,
    *,
    ping_s: float,
    position: Position | None,
    skip: int,
) -> Iterator[bytes]:
    """The stream's bytes; whatever goes wrong is told by the last event."""
    yield sse.comment(f"job {subscription.job_id}")
    spoke, placed = time.monotonic(), False
    try:
        with subscription:
            for event in _handed_over(subscription, client):
                if event is not None:
                    said = _chunk(chunks, *event, skip)
                else:
                    waits = position is not None and subscription.seq == 0
                    quiet_s = ping_s if placed or not waits else min(FIRST_POSITION_S, ping_s)
                    if time.monotonic() - spoke < quiet_s:
                        continue
                    placed = waits
                    said = _sign_of_life(position if waits else None)
                if said:
                    yield said
                    spoke = time.monotonic()
    except ClientLeft:
        return
    except ServerRestarting:
        yield sse.data(resumable_ending(subscription.job_id, max(subscription.seq, skip)))
    except TaskError as error:
        # The status line is long gone: the client learns of it from the last event.
        yield sse.data(body_of(error))


def at_once(events: Sequence[Event], chunks: Chunks) -> bytes:
    """The whole stream of an answer that is there already."""
    said = (chunks.chunk(event) for event in events)
    return b"".join(sse.data(data) for data in said if data is not None) + sse.DONE


def _handed_over(subscription: Subscription, client: Client) -> Iterator[tuple[int, Event] | None]:
    """The events; when this process ends first, the job is left to whoever reads on."""
    try:
        yield from events_of(subscription, client)
    except ServerRestarting:
        subscription.hand_over()
        raise


def _sign_of_life(position: Position | None) -> bytes:
    try:
        place = position() if position is not None else None
    except redis.RedisError:
        place = None
    return sse.PING if place is None else sse.comment(f"queued, position {place}")


def _chunk(chunks: Chunks, seq: int, event: Event, skip: int) -> bytes:
    data = chunks.chunk(event)
    if seq <= skip:
        # Cut between the last event and the mark behind it, which has no number of its own.
        return sse.DONE if isinstance(event, Done) else b""
    if not isinstance(event, Done):
        return sse.event(seq, data) if data is not None else b""
    if data is None:
        return sse.event(seq, b"[DONE]")
    return sse.event(seq, data) + sse.DONE
