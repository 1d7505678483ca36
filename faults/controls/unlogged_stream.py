"""``gunicorn faults.controls.unlogged_stream:create_app()``: no log is read, control of row 9.

Its subscriptions only listen: what pub/sub did not deliver is gone, as with pub/sub alone.
"""

from __future__ import annotations

from app import create_app
from faults.controls.patches import replace_method
from tasks import events
from tasks.dispatcher import MISSED
from tasks.events import Event
from tasks.subscription import LONGEST_SILENCE_S, Subscription

__all__ = ["create_app"]


def hear(self: Subscription, timeout_s: float) -> tuple[int, Event] | None:
    """The next event that is delivered, whatever was lost in between."""
    while True:
        message = self._inbox.take(timeout_s)
        if message is None:
            return None
        if message is MISSED:
            continue
        head, _, body = message.partition(b" ")
        if int(head) > self._seq and body:
            return int(head), events.decode(body)


def read_log(self: Subscription) -> None:
    """Silence is silence."""
    self._wait_for_silence(LONGEST_SILENCE_S)


replace_method(Subscription, "_hear", hear)
replace_method(Subscription, "_read_log", read_log)
