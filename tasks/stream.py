"""The two ends of a job's stream: ``Reply`` is the worker's, ``Subscription`` the API's.

What travels is the job's log: entry ``seq`` is ``seq``'s event, 1, 2, 3 ... The worker logs and
publishes in one call; the reader subscribes first, reads the log, follows live, drops what it
has, and reads the log again on a gap, a lost connection, or silence.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Self

import redis

from tasks import events
from tasks.dispatcher import MISSED, Dispatcher
from tasks.errors import QueueUnavailable, UnknownJob
from tasks.events import Event, is_terminal
from tasks.ledger import Append, Claim, Ledger, State

# Silence after which a reader looks into the log, and the longest it grows to: a subscription
# that died without a word costs at most this much delay, and waiting readers cost little.
FIRST_SILENCE_S = 0.2
LONGEST_SILENCE_S = 2.0
# How long a reader waits for a Redis that went away before it gives its stream up.
OUTAGE_S = 60.0


class Reply:
    """What one attempt says about its job: numbered, kept until Redis has it.

    1. Handlers and the engine ``say`` events, from any thread.
    2. The publisher takes ``outstanding`` ones, logs them, and hands the answer to ``settle``.
    3. The reply is over when its end is logged, or when another attempt fenced this one off.
    """

    def __init__(self, claim: Claim, queue: str, on_cancel: Callable[[], None]) -> None:
        self.claim = claim
        self.queue = queue
        self._on_cancel = on_cancel
        self._lock = threading.Lock()
        self._first_seq = claim.last_seq + 1
        self._said: list[bytes] = []
        self._logged_seq = claim.last_seq
        self._state: State | None = None
        self.cancelled = False
        self.over = threading.Event()
        self.fenced = False

    def say(self, *said: Event) -> None:
        """Add events; the last one of a job is ``Done`` or ``Failed``, and nothing follows it."""
        with self._lock:
            for event in said:
                if self._state is not None:
                    return
                self._said.append(events.encode(event))
                if is_terminal(event):
                    self._state = _state_of(event)

    def outstanding(self) -> tuple[int, list[bytes], State | None] | None:
        """(first seq, encoded events, final state) that Redis does not have yet."""
        with self._lock:
            start = self._logged_seq + 1 - self._first_seq
            waiting = self._said[start:]
            if not waiting or self.over.is_set():
                return None
            return self._logged_seq + 1, waiting, self._state

    def settle(self, answer: object, sent: tuple[int, list[bytes], State | None]) -> None:
        """Take Redis's answer to what was ``sent``."""
        first, encoded, state = sent
        appended = Ledger.appended(answer)
        if appended.status is Append.FENCED:
            self.lose()
            return
        with self._lock:
            # After a gap the log ends earlier than we thought; what is missing is sent again.
            logged = first + len(encoded) - 1
            self._logged_seq = logged if appended.status is Append.LOGGED else appended.last_seq
        if appended.status is Append.LOGGED and state is not None:
            self.over.set()
        elif appended.cancelled:
            self.cancel()

    def cancel(self) -> None:
        """Somebody asked the job to stop: tell the handler, once."""
        if not self.cancelled:
            self.cancelled = True
            self._on_cancel()

    def interrupted(self) -> bool:
        """Whether going on would be for nothing: cancelled, fenced off, or given back."""
        return self.cancelled or self.over.is_set()

    def lose(self) -> None:
        """Another attempt has the job, or its end was written: stop, and say nothing more."""
        if not self.over.is_set():
            self.fenced = True
            self.over.set()
            self._on_cancel()

    def abandon(self) -> None:
        """Say nothing more: the job was released to another attempt."""
        self.fenced = True
        self.over.set()


def _state_of(event: Event) -> State:
    if not isinstance(event, events.Failed):
        return "done"
    return {"job_cancelled": "cancelled", "deadline_exceeded": "expired"}.get(  # type: ignore[return-value]
        event.code, "failed"
    )


class Publisher:
    """Logs the outstanding events of many replies in one round trip; one thread per process.

    It waits out a Redis that is away: the events stay with their replies.
    """

    def __init__(self, ledger: Ledger, retry_s: float = 0.25) -> None:
        self._ledger = ledger
        self._retry_s = retry_s
        self._wake = threading.Condition()
        self._dirty: dict[Reply, None] = {}
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def publish(self, replies: Sequence[Reply]) -> None:
        """Have the outstanding events of ``replies`` logged, soon and in order."""
        with self._wake:
            for reply in replies:
                self._dirty[reply] = None
            self._wake.notify()

    def close(self) -> None:
        """Log what is left, then end."""
        with self._wake:
            self._stopped = True
            self._wake.notify()
        self._thread.join(timeout=5)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._dirty and not self._stopped:
                    self._wake.wait()
                if not self._dirty:
                    return
                batch = list(self._dirty)
                self._dirty.clear()
            try:
                self._log(batch)
            except (redis.RedisError, OSError):
                self.publish(batch)
                threading.Event().wait(self._retry_s)
                if self._stopped:
                    return

    def _log(self, batch: list[Reply]) -> None:
        sent = [(reply, out) for reply in batch if (out := reply.outstanding()) is not None]
        if not sent:
            return
        pipe = self._ledger.redis.pipeline(transaction=False)
        for reply, (first, encoded, state) in sent:
            self._ledger.append_to(pipe, reply.claim, reply.queue, first, encoded, state)
        for (reply, out), answer in zip(sent, pipe.execute(), strict=True):
            reply.settle(answer, out)
            if not reply.over.is_set() and reply.outstanding() is not None:
                self.publish([reply])


class Subscription(Iterator[tuple[int, Event]]):
    """A job's events from ``after`` on, as (seq, event), in order, each once.

    1. It subscribes when it is made; whoever accepts the job does so afterwards.
    2. Iterating blocks until the next event and stops after the last. ``next_within`` gives up
       after a while, for readers that have other things to do (pings, watching their client).
    3. ``close`` says through ``on_close`` whether the end was seen.

    Raises ``UnknownJob`` when the log is gone, ``QueueUnavailable`` when Redis stays away for
    longer than ``OUTAGE_S``.
    """

    def __init__(
        self,
        ledger: Ledger,
        dispatcher: Dispatcher,
        job_id: str,
        *,
        after: int = 0,
        on_close: Callable[[bool], None] | None = None,
    ) -> None:
        self.job_id = job_id
        self.ended = False
        self._ledger = ledger
        self._dispatcher = dispatcher
        self._on_close = on_close
        self._seq = after
        self._replayed: deque[tuple[int, Event]] = deque()
        self._silence_s = FIRST_SILENCE_S
        self._look_at = time.monotonic() + self._silence_s
        self._outage_since: float | None = None
        self._inbox = dispatcher.subscribe(ledger.keys.channel(job_id))

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
        self._dispatcher.unsubscribe(self._ledger.keys.channel(self.job_id))
        if self._on_close is not None:
            self._on_close(self.ended)
            self._on_close = None
        self.ended = True

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
            known = bool(self._replayed) or self._ledger.state(self.job_id) is not None
        except (redis.ConnectionError, redis.TimeoutError) as error:
            self._sit_out(error)
            return
        self._outage_since = None
        if not known:
            raise UnknownJob(f"The job {self.job_id!r} is not in the ledger any more.")

    def _sit_out(self, error: Exception) -> None:
        now = time.monotonic()
        self._outage_since = self._outage_since or now
        if now - self._outage_since > OUTAGE_S:
            raise QueueUnavailable("The queue's Redis does not answer.") from error


_LOST = object()
