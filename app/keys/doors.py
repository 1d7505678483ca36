"""Which key a request needs, decided by the route that would answer it, before its body is read.

Whatever is not named here needs an API key: a new route is closed until somebody opens it.
"""

from __future__ import annotations

import threading
import time
from typing import cast

import structlog
from flask import current_app, g, request

from app.admin import refusals
from app.admin.place import Admin
from app.keys.errors import WrongKey
from app.keys.who import Keys
from app.socket.handshake import authorization_of

log = structlog.get_logger(__name__)

OPEN = frozenset(
    {
        # What watches a process has no key.
        "/health",
        "/ready",
        # The first message brings the key.
        "/live",
        # Pages without anybody's data.
        "/",
        "/docs",
        "/docs/",
        "/favicon.ico",
        "/openapi.json",
    }
)
"""Rules that anybody may use, or that look at the key themselves."""

OPEN_BELOW = ("/docs/", "/page/", "/static/")
"""Files that come with the program."""

ADMIN = "/admin/"
METRICS = "/metrics"
SOCKET = "/v1/chat/ws"
QUIET_S = 1.0


class Refusals:
    """A line in the log for refused keys, at most one a second: who tries many fills no disk."""

    def __init__(self, event: str) -> None:
        self._event = event
        self._lock = threading.Lock()
        self._told_at = float("-inf")
        self._untold = 0

    def note(self) -> None:
        """Say that the request at hand was refused, with how many were since the last line."""
        with self._lock:
            self._untold += 1
            if time.monotonic() - self._told_at < QUIET_S:
                return
            number, self._untold, self._told_at = self._untold, 0, time.monotonic()
        log.warning(self._event, remote=request.remote_addr, path=request.path, requests=number)


def check_key() -> None:
    """See that the request at hand may come in, and remember by which key."""
    # What there is not (404, 405) needs none: the documentation tells as much.
    if request.url_rule is None:
        return
    rule = request.url_rule.rule
    if rule.startswith(ADMIN):
        _check_admin(request.headers.get("Authorization", ""))
    elif _needs_key(rule):
        try:
            g.api_key = keys().who(_sent(rule))
            if g.api_key is None:
                keys().check_page(request.headers.get("Origin"), request.host)
        except WrongKey:
            cast(Refusals, current_app.extensions["key_refusals"]).note()
            raise
    elif rule == METRICS:
        # Open to programs of this machine, and not to the pages that its browser shows.
        keys().check_page(request.headers.get("Origin"), request.host)


def _check_admin(sent: str) -> None:
    try:
        cast(Admin, current_app.extensions["admin"]).key.check(sent)
    except refusals.WrongKey:
        cast(Refusals, current_app.extensions["admin_refusals"]).note()
        raise


def keys() -> Keys:
    """The keys of the application that handles this request."""
    return cast(Keys, current_app.extensions["keys"])


def _sent(rule: str) -> str:
    # A browser sets no headers of a socket: its key comes as a subprotocol.
    if rule == SOCKET:
        return authorization_of(request.headers)
    return request.headers.get("Authorization", "")


def _needs_key(rule: str) -> bool:
    if rule in OPEN or rule.startswith(OPEN_BELOW):
        return False
    # Flask answers these itself, with the methods of the URL. A browser's preflight has no key.
    if request.method == "OPTIONS":
        return False
    # On the loopback address whoever scrapes is on this machine.
    return rule != METRICS or keys().listens_beyond
