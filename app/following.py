"""Following a job for a client: its events as they come, until the end or a reason to leave."""

from __future__ import annotations

import time
from collections.abc import Iterator

import structlog

from app.client import Client
from app.drain import drain
from app.metrics.watch import Watch
from app.openai.errors import ServerRestarting
from tasks.errors import TaskError
from tasks.events import Event
from tasks.subscription import Subscription

log = structlog.get_logger(__name__)

# How often a waiting request looks whether its client is still there.
LOOK_S = 0.25


class ClientLeft(Exception):
    """Raised when nobody is there to read the answer any more."""


def events_of(
    subscription: Subscription, client: Client, watch: Watch | None = None
) -> Iterator[tuple[int, Event] | None]:
    """Events as they come, and None every now and then in between; ``watch`` hears them first.

    Raises ``ClientLeft``, and ``ServerRestarting`` when this process must end.
    """
    if watch is None:
        return _followed(subscription, client)
    return _watched(_followed(subscription, client), watch)


def _watched(
    followed: Iterator[tuple[int, Event] | None], watch: Watch
) -> Iterator[tuple[int, Event] | None]:
    try:
        for event in followed:
            if event is not None:
                watch.heard(event[1])
            yield event
    except ServerRestarting:
        watch.left("handed_over")
        raise
    except TaskError:
        watch.left("lost")
        raise
    finally:
        # Also when a write to the client fails, which ends the iteration from outside.
        watch.left("client_left")


def _followed(subscription: Subscription, client: Client) -> Iterator[tuple[int, Event] | None]:
    looked = time.monotonic()
    while True:
        if drain.over:
            raise ServerRestarting("The server is restarting. Send the request again.")
        try:
            event = subscription.next_within(LOOK_S)
        except StopIteration:
            return
        yield event
        if time.monotonic() - looked >= LOOK_S:
            looked = time.monotonic()
            if client.gone():
                log.info("client left", job=subscription.job_id)
                raise ClientLeft("The client left before its answer was complete.")
