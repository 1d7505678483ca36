"""Following a job for a client: its events as they come, until the end or a reason to leave."""

from __future__ import annotations

import time
from collections.abc import Iterator

import structlog

from app.client import Client
from app.drain import drain
from app.openai.errors import ServerRestarting
from tasks.events import Event
from tasks.subscription import Subscription

log = structlog.get_logger(__name__)

# How often a waiting request looks whether its client is still there.
LOOK_S = 0.25


class ClientLeft(Exception):
    """Raised when nobody is there to read the answer any more."""


def events_of(subscription: Subscription, client: Client) -> Iterator[tuple[int, Event] | None]:
    """Events as they come, and None every now and then in between.

    Raises ``ClientLeft``, and ``ServerRestarting`` when this process must end.
    """
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
