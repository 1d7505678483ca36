"""The body of an event stream: events, and signs of life while there are none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import redis

from app import sse
from app.client import Client
from app.following import ClientLeft, events_of
from app.framing import Frames
from app.metrics.watch import Watch
from app.openai.errors import ServerRestarting
from tasks.errors import TaskError
from tasks.events import Event
from tasks.subscription import Subscription

# A job that waits says where in its line it is: soon at first, then with every sign of life.
FIRST_POSITION_S = 0.5

Position = Callable[[], int | None]


def body(
    subscription: Subscription,
    client: Client,
    frames: Frames,
    *,
    ping_s: float,
    position: Position | None,
    watch: Watch | None = None,
) -> Iterator[bytes]:
    """The stream's bytes; whatever goes wrong is told by the last event."""
    yield sse.comment(f"job {subscription.job_id}") + frames.opening()
    spoke, placed = time.monotonic(), False
    try:
        with subscription:
            for event in _handed_over(subscription, client, watch):
                if event is not None:
                    said = frames.event(*event)
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
        yield frames.restarting(subscription.job_id, subscription.seq)
    except TaskError as error:
        yield frames.failed(error)


def at_once(events: Sequence[Event], frames: Frames) -> bytes:
    """The whole stream of an answer that is there already."""
    said = (frames.event(seq, event) for seq, event in enumerate(events, 1))
    return b"".join([frames.opening(), *said])


def _handed_over(
    subscription: Subscription, client: Client, watch: Watch | None
) -> Iterator[tuple[int, Event] | None]:
    """The events; when this process ends first, the job is left to whoever reads on."""
    try:
        yield from events_of(subscription, client, watch)
    except ServerRestarting:
        subscription.hand_over()
        raise


def _sign_of_life(position: Position | None) -> bytes:
    try:
        place = position() if position is not None else None
    except redis.RedisError:
        place = None
    return sse.PING if place is None else sse.comment(f"queued, position {place}")
