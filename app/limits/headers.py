"""What an answer tells of its API key's limits, in OpenAI's headers."""

from __future__ import annotations

from collections.abc import Mapping

import redis
from flask import Flask, Response

from app.limits.durations import duration
from app.owners import asking_key
from app.services import services
from tasks.budgets import Level, Standing

PREFIX = "x-ratelimit"


def told(standing: Standing) -> Mapping[str, str]:
    """The headers, of those limits that there are."""
    said: dict[str, str] = {}
    for what, level in (("requests", standing.requests), ("tokens", standing.tokens)):
        if level is not None:
            said |= _told(what, level)
    return said


def install(app: Flask) -> None:
    """Tell them on every answer to a key that has limits."""
    app.after_request(_tell)


def _told(what: str, level: Level) -> Mapping[str, str]:
    return {
        f"{PREFIX}-limit-{what}": str(level.limit),
        f"{PREFIX}-remaining-{what}": str(level.remaining),
        f"{PREFIX}-reset-{what}": duration(level.whole_in_s),
    }


def _tell(response: Response) -> Response:
    # With the queue's Redis away nobody waits for it a second time.
    if response.status_code == 503:
        return response
    try:
        standing = services().limits.standing(asking_key())
    except redis.RedisError:
        return response
    if standing is not None:
        response.headers.update(told(standing))
    return response
