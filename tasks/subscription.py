"""The reader's end of a job's stream: every event once, in order, whatever breaks.

It subscribes first, then follows live and drops what it has; on a gap, a lost connection or
silence it reads the log, which has everything.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import Literal, Self

import redis

from tasks import events
from tasks.dispatcher import MISSED, Dispatcher
from tasks.errors import LogExpired, QueueUnavailable, UnknownJob
from tasks.events import Event, is_terminal
from tasks.ledger import FINAL, Ledger

# Silence after which a reader looks into the log, and the longest it grows to: a subscription
# that died without a word costs at most this much delay, and waiting readers cost little.
FIRST_SILENCE_S = 0.2
LONGEST_SILENCE_S = 2.0
# How long a reader waits for a Redis that went away before it gives its stream up.
OUTAGE_S = 60.0

Left = Literal["ended", "early", "handed over"]

# Heard in place of an event: something may have passed, the log knows.
_LOST = object()


class Subscription(Iterator[tuple[int, Event]]):
    """A job's events from ``after`` on, as (seq, event), in order, each once.

    1. It subscribes when it is made; whoever accepts the job does so afterwards.
    2. Iterating blocks until the next event and stops after the last. ``next_within`` gives up
       after a while, for readers that have other things to do (pings, watching their client).
    3. ``close`` says through ``on_close`` how the reader left: after the end, before it, or
       expecting somebody else to go on reading.

    Raises ``UnknownJob`` when the job is gone, ``LogExpired`` when only its log is, of which a slow
    reader had not read all, and ``QueueUnavailable`` when Redis stays away for longer than
    ``OUTAGE_S``.
    """

    def __init__(
        self,
        ledger: Ledger,
        dispatcher: Dispatcher,
        job_id: str,
        *,
        after: int = 0,
        look_now: bool = False,
        on_close: Callable[[Left], None] | None = None,
    ) -> None:
        self.job_id = job_id
        self.ended = False
        self._leaving: Left = "early"
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._on_close = on_close
        self._seq = after
        self._replayed: deque[tuple[int, Event]] = deque()
        self._silence_s = FIRST_SILENCE_S
        # Where something was said before, it need not be waited for.
        self._look_at = time.monotonic() + (0.0 if look_now else self._silence_s)
        self._outage_since: float | None = None
        self._inbox = dispatcher.subscribe(ledger.keys.channel(job_id))

    @property
    def seq(self) -> int:
        """The number of the last event that was handed out."""
        return self._seq

    def next_within(self, timeout_s: float) -> tuple[int, Event] | None:
        """The next event, or None when none came in time; StopIteration after the last."""
        give_up_at = time.monotonic() + timeout_s
        while not self.ended:
            if self._replayed:
                return self._advance(self._replayed.popleft())
            now = time.monotonic()
            heard = self._hear(max(min(give_up_at, self._look_at) - now, 0.0))
            if isinstance(heard, tuple):
                return self._advance(heard)
            now = time.monotonic()
            if heard is _LOST or now >= self._look_at:
                self._read_log()
            elif now >= give_up_at:
                return None
        raise StopIteration

    def __next__(self) -> tuple[int, Event]:
        while True:
            found = self.next_within(LONGEST_SILENCE_S)
            if found is not None:
                return found

    def close(self) -> None:
        """Stop following, once."""
        self._dispatcher.unsubscribe(self._ledger.keys.channel(self.job_id), self._inbox)
        if self._on_close is not None:
            self._on_close("ended" if self.ended else self._leaving)
            self._on_close = None
        self.ended = True

    def abandon(self) -> None:
        """Stop following what was never accepted: nobody is told."""
        self._on_close = None
        self.close()

    def hand_over(self) -> None:
        """Stop following, for another reader to go on after ``seq``: here or in another process."""
        self._leaving = "handed over"
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _advance(self, found: tuple[int, Event]) -> tuple[int, Event]:
        self._seq = found[0]
        self.ended = is_terminal(found[1])
        self._wait_for_silence(FIRST_SILENCE_S)
        return found

    def _wait_for_silence(self, silence_s: float) -> None:
        self._silence_s = silence_s
        self._look_at = time.monotonic() + silence_s

    def _hear(self, timeout_s: float) -> tuple[int, Event] | object | None:
        while True:
            message = self._inbox.take(timeout_s)
            if message is None:
                return None
            if message is MISSED:
                return _LOST
            head, _, body = message.partition(b" ")
            seq = int(head)
            if seq <= self._seq:
                continue
            # Else a gap, or an event too large for the channel: the log has it.
            return (seq, events.decode(body)) if seq == self._seq + 1 and body else _LOST

    def _read_log(self) -> None:
        self._wait_for_silence(min(self._silence_s * 2, LONGEST_SILENCE_S))
        try:
            self._replayed.extend(self._ledger.log(self.job_id, self._seq))
            state = None if self._replayed else self._ledger.state(self.job_id)
            # A job's end is logged in the same call that says so in its record.
            gone = state in FINAL and not self._ledger.redis.exists(
                self._ledger.keys.log(self.job_id)
            )
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self._sit_out(error)
            return
        self._outage_since = None
        if self._replayed:
            return
        if state is None:
            raise UnknownJob(f"The job {self.job_id!r} is not in the ledger any more.")
        if gone:
            raise LogExpired(
                f"The events of job {self.job_id!r} have been forgotten since its end."
            )

    def _sit_out(self, error: Exception) -> None:
        now = time.monotonic()
        self._outage_since = self._outage_since or now
        if now - self._outage_since > OUTAGE_S:
            raise QueueUnavailable("The queue's Redis does not answer.") from error
