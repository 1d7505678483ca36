"""Waiting for a model to come to where it should: a look every now and then, nothing blocked."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis
import structlog

from app.admin.survey import Standing
from app.client import Client
from app.drain import drain
from app.following import ClientLeft

log = structlog.get_logger(__name__)

POLL_S = 0.2

Read = Callable[[], Standing]
Ended = Callable[[Standing, float], bool]


def wait_until(ended: Ended, read: Read, client: Client, wait_s: float) -> Standing:
    """The model as it stands once ``ended`` (told for how long we wait), or after ``wait_s``.

    It ends early when this process must, and with ``ClientLeft`` when nobody waits any more. A
    Redis that is away for a moment is no reason to end; its error comes out when the time is up.
    """
    began = time.monotonic()
    while True:
        waited_s = time.monotonic() - began
        is_last = waited_s >= wait_s or drain.over
        try:
            standing = read()
            if is_last or ended(standing, waited_s):
                return standing
        except redis.RedisError as error:
            if is_last:
                raise
            log.warning("redis does not answer", error=type(error).__name__)
        if client.gone():
            raise ClientLeft("The client left before its answer was complete.")
        time.sleep(min(POLL_S, max(wait_s - waited_s, 0.0)))
