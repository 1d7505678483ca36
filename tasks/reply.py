"""The worker's end of a job's stream: what an attempt says, logged and published in order.

Tokens of a choice that are still here when the next one comes become one event with it: a fast
model draws several in the time that a reader could notice, and a Redis that is away for a minute
does not come back to thousands of entries.

What travels is the job's log: entry ``seq`` is the event number ``seq``, 1, 2, 3 ... Logging and
publishing are one call, so no reader can see one without the other.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

import redis

from tasks import events
from tasks.events import Event, Terminal, Token
from tasks.ledger import Append, Appended, Claim, Entry, Ledger, State

# An attempt's start and its first tokens: nobody should wait for those.
_FIRST_WORDS = 2


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
        # What no call has carried yet, and where in it each choice's last tokens are.
        self._fresh: list[Event] = []
        self._last_tokens: dict[int, int] = {}
        self._logged_seq = claim.last_seq
        self._state: State | None = None
        self.cancelled = False
        self.over = threading.Event()
        self.fenced = False
        # What its trace is told from, in seconds since the epoch.
        self.began_at = time.time()
        self.ended: Terminal | None = None
        self.ended_at: float | None = None

    def say(self, *said: Event) -> None:
        """Add events; the last one of a job is ``Done`` or ``Failed``, and nothing follows it."""
        with self._lock:
            for event in said:
                if self._state is not None:
                    return
                self._add(event)
                if isinstance(event, Terminal):
                    self._state = _state_of(event)
                    self.ended, self.ended_at = event, time.time()

    def outstanding(self) -> Entry | None:
        """What Redis does not have yet."""
        with self._lock:
            self._said.extend(map(events.encode, self._fresh))
            self._fresh.clear()
            self._last_tokens.clear()
            start = self._logged_seq + 1 - self._first_seq
            waiting = self._said[start:]
            if not waiting or self.over.is_set():
                return None
            return Entry(self.claim, self.queue, self._logged_seq + 1, waiting, self._state)

    @property
    def urgent(self) -> bool:
        """Whether somebody waits for just this: an attempt's first word, or a job's last."""
        return self._state is not None or self._logged_seq - self.claim.last_seq < _FIRST_WORDS

    def settle(self, appended: Appended, sent: Entry) -> None:
        """Take Redis's answer to what was ``sent``."""
        before_us = appended.last_seq + 1 < self._first_seq
        if appended.status is Append.FENCED or (appended.status is Append.GAP and before_us):
            # Fenced; or Redis lost what an earlier attempt said, which nobody can say again: the
            # lease ends, and the next attempt continues from the log as it is.
            self.lose()
            return
        with self._lock:
            # After a gap the log ends earlier than we thought; what is missing is sent again.
            logged = sent.first_seq + len(sent.encoded) - 1
            self._logged_seq = logged if appended.status is Append.LOGGED else appended.last_seq
        if appended.status is Append.LOGGED and sent.state is not None:
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

    def _add(self, event: Event) -> None:
        if not isinstance(event, Token):
            self._fresh.append(event)
            return
        place = self._last_tokens.get(event.index)
        if place is None:
            self._last_tokens[event.index] = len(self._fresh)
            self._fresh.append(event)
        else:
            before = self._fresh[place]
            assert isinstance(before, Token)
            self._fresh[place] = events.joined(before, event)


def _state_of(event: Event) -> State:
    if not isinstance(event, events.Failed):
        return "done"
    return {"job_cancelled": "cancelled", "deadline_exceeded": "expired"}.get(  # type: ignore[return-value]
        event.code, "failed"
    )


class Publisher:
    """Logs the outstanding events of many replies in one round trip; one thread per process.

    Between two round trips lie at least ``interval_s``, unless a reply is urgent. It waits out a
    Redis that is away: the events stay with their replies, and ``retries`` counts the attempts.
    """

    def __init__(self, ledger: Ledger, *, interval_s: float = 0.0, retry_s: float = 0.25) -> None:
        self._ledger = ledger
        self._interval_s = interval_s
        self._retry_s = retry_s
        self.retries = 0
        self._logged_at_s = 0.0
        self._pausing = False
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
            # Waking a thread that goes back to sleep costs the decoding one its core.
            if not self._pausing or any(reply.urgent for reply in replies):
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
                self._pause()
                batch = list(self._dirty)
                self._dirty.clear()
            try:
                self._log(batch)
            except (redis.RedisError, OSError):
                self.retries += 1
                self.publish(batch)
                threading.Event().wait(self._retry_s)
                if self._stopped:
                    return

    def _pause(self) -> None:
        """Let a moment pass since the last round trip: what comes in it travels along."""
        self._pausing = True
        while not (self._stopped or any(reply.urgent for reply in self._dirty)):
            left_s = self._logged_at_s + self._interval_s - time.monotonic()
            if left_s <= 0:
                break
            self._wake.wait(left_s)
        self._pausing = False
        self._logged_at_s = time.monotonic()

    def _log(self, batch: list[Reply]) -> None:
        sent = [(reply, out) for reply in batch if (out := reply.outstanding()) is not None]
        if not sent:
            return
        answers = self._ledger.append([entry for _, entry in sent])
        for (reply, entry), appended in zip(sent, answers, strict=True):
            reply.settle(appended, entry)
            if not reply.over.is_set() and reply.outstanding() is not None:
                self.publish([reply])
