"""One watcher's socket, from its first message to its end.

1. The client says its key, soon; else, and with a wrong one, the socket is closed.
2. It is welcomed, and told every second what there is to see; ``same`` where nothing changed.
3. It ends when the client leaves or says anything more, when its key is revoked, when nobody
   answers the pings, and when this process is about to end: the client then connects to another.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from simple_websocket import Server

from app.drain import drain
from app.keys.errors import ForeignPage, WrongKey
from app.live import view
from app.live.place import Live
from app.live.visitor import HELLO_LIMIT_BYTES, Visitor, authorization_of, hello_of
from app.socket.connection import Closed, Connection
from tasks.errors import QueueUnavailable

HELLO_WITHIN_S = 5.0
# One that finds no room is not waited for that long.
FULL_HELLO_WITHIN_S = 1.0
# How often a socket looks whether it must end.
LOOK_S = 0.5
# A key that was revoked shows nothing more after so long.
RECHECK_S = 2.0
# A browser that takes nothing for so long is asleep, and connects again when it wakes.
STALL_S = 20.0

POLICY = 1008
RESTARTING = 1012
TRY_LATER = 1013
KEY_NEEDED = 4401


Admit = Callable[[str], Visitor]
"""Who brings this ``Authorization``; raises ``WrongKey``, ``ForeignPage``, ``QueueUnavailable``."""

Ending = tuple[int, str]
"""The code and the reason that a socket is closed with."""


def serve(server: Server, live: Live, admit: Admit, *, admin_exists: bool) -> None:
    """Show the watcher what there is to see, until either side ends it."""
    connection = Connection(server, STALL_S)
    with contextlib.suppress(Closed):
        code, reason = _converse(server, connection, live, admit, admin_exists=admin_exists)
        connection.close(code, reason)


def _converse(
    server: Server, connection: Connection, live: Live, admit: Admit, *, admin_exists: bool
) -> Ending:
    if live.full:
        # Closed over its first message, which is on its way, it would be reset, and never told why.
        connection.receive(FULL_HELLO_WITHIN_S)
        return TRY_LATER, "as many watch as may: try again in a minute"
    with ExitStack() as until_end:
        # Counted from its first byte on: those that never say who they are count, too.
        until_end.enter_context(live.state.watched())
        server.max_message_size = HELLO_LIMIT_BYTES
        hello = hello_of(connection.receive(HELLO_WITHIN_S))
        if hello is None:
            return POLICY, 'the first message must be {"key": "..."}'
        # It has nothing more to say: whoever goes on talking is cut off.
        server.max_message_size = 1
        try:
            visitor = admit(authorization_of(hello))
            if visitor.admin:
                until_end.enter_context(live.slots.watched())
            connection.send(view.render_welcome(visitor, admin_exists=admin_exists))
            return _show(connection, live, visitor, lambda: admit(authorization_of(hello)))
        except WrongKey:
            return KEY_NEEDED, "The key is missing or wrong."
        except ForeignPage:
            return POLICY, "pages of this origin, or at this name, are shown nothing without a key"
        except QueueUnavailable:
            return RESTARTING, "the queue does not answer, and nobody can tell whose key this is"


def _show(
    connection: Connection, live: Live, visitor: Visitor, again: Callable[[], Visitor]
) -> Ending:
    checked_s = time.monotonic()
    for message in _messages(live, visitor):
        if drain.begun:
            break
        if connection.receive(0) is not None:
            return POLICY, "nothing more is to be said here"
        if time.monotonic() - checked_s >= RECHECK_S:
            checked_s = time.monotonic()
            with contextlib.suppress(QueueUnavailable):
                if again() != visitor:
                    return RESTARTING, "what this key may do has changed: connect again"
        if message is not None:
            connection.send(message)
    return RESTARTING, "this server is restarting: connect again"


def _messages(live: Live, visitor: Visitor) -> Iterator[bytes | None]:
    """What there is to tell, as it changes; None every now and then in between."""
    seen = seen_slots = 0
    told = told_slots = b""
    while True:
        found = live.state.after(seen, LOOK_S)
        if found is None:
            yield None
            continue
        seen, sight = found
        said = view.render_sight(sight, visitor)
        yield said if said != told else view.SAME
        told = said
        if visitor.admin and (slots := live.slots.after(seen_slots, 0)):
            seen_slots = slots[0]
            said = view.render_slots(slots[1])
            yield said if said != told_slots else None
            told_slots = said
