"""CORS: which web pages of other origins may use the API from a browser. None, unless it is set.

No cookie is ever read here, so that a page can do no more than it has a key for. The admin API is
left out: what it needs is on the page at ``/``, of the same origin.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from flask import Flask, Response, request

from app.origins import ANY, origins_of

EXPOSED = ", ".join(
    (
        *("x-request-id", "x-cache", "retry-after", "retry-after-ms", "x-should-retry"),
        *("x-queue-time-ms", "idempotent-replayed", "location", "preference-applied"),
        *(
            f"x-ratelimit-{part}-{what}"
            for what in ("requests", "tokens")
            for part in ("limit", "remaining", "reset")
        ),
    )
)
"""Headers of answers that such a page may read."""

METHODS = "GET, HEAD, POST, DELETE, OPTIONS"
REMEMBERED_S = 600
NOT_BELOW = "/admin/"

# Names of headers, as a browser lists them.
_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(?: *, *[A-Za-z0-9!#$%&'*+.^_`|~-]+){0,63}")


def install(app: Flask, setting: str) -> None:
    """Answer the pages of the origins in ``setting``; nothing is added when there are none."""
    origins = origins_of(setting)
    if origins:
        app.before_request(_preflight(origins))
        app.after_request(_permission(origins))


def _preflight(origins: frozenset[str]) -> Callable[[], Response | None]:
    """A browser's question, which comes without a key and before the request itself."""

    def answer() -> Response | None:
        asked = request.headers.get("Access-Control-Request-Method")
        if request.method != "OPTIONS" or asked is None or not _may(origins):
            return None
        response = Response(status=204)
        response.headers["Access-Control-Allow-Methods"] = METHODS
        response.headers["Access-Control-Max-Age"] = str(REMEMBERED_S)
        names = request.headers.get("Access-Control-Request-Headers", "")
        if _NAMES.fullmatch(names):
            response.headers["Access-Control-Allow-Headers"] = names
        if request.headers.get("Access-Control-Request-Private-Network") == "true":
            response.headers["Access-Control-Allow-Private-Network"] = "true"
        return response

    return answer


def _permission(origins: frozenset[str]) -> Callable[[Response], Response]:
    """What every answer says, errors too: a page could not read why it failed."""

    def add(response: Response) -> Response:
        if not request.path.startswith(NOT_BELOW):
            if ANY not in origins:
                response.headers.add("Vary", "Origin")
            if _may(origins):
                any_one = ANY in origins
                response.headers["Access-Control-Allow-Origin"] = (
                    ANY if any_one else request.headers["Origin"]
                )
                response.headers["Access-Control-Expose-Headers"] = EXPOSED
        return response

    return add


def _may(origins: frozenset[str]) -> bool:
    origin = request.headers.get("Origin", "")
    if not origin or request.path.startswith(NOT_BELOW):
        return False
    return ANY in origins or origin.lower() in origins
