"""The dispatcher: one pub/sub connection per process, handing each message to its readers.

1. ``subscribe`` registers an inbox and returns once Redis has confirmed the subscription.
2. One thread reads; it never blocks on a reader: a full inbox is emptied and marked as missed,
   and its reader fetches what it lost from the log.
3. When the connection breaks, the thread makes a new one, subscribes to everything that is still
   wanted, and marks every inbox as missed.

Under gevent the thread and the locks are greenlets' own; without, they are real.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from typing import Any

import redis

from tasks.connection import Client

log = logging.getLogger(__name__)

# A reader this far behind is served from the log from then on.
INBOX_LIMIT = 1_000
RECONNECT_S = 0.2
# Longest read without looking whether to stop.
READ_S = 0.25
CONFIRM_TIMEOUT_S = 1.0
# Taken in place of a message: read the log, for something may have passed unheard.
MISSED = b""


class Inbox:
    """What arrived on one channel and was not yet read."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._messages: deque[bytes] = deque()
        self._missed = False
        self.confirmed = threading.Event()

    def put(self, message: bytes) -> None:
        """Add a message; on overflow drop everything, for the log has it."""
        with self._ready:
            if len(self._messages) >= INBOX_LIMIT:
                self._messages.clear()
                self._missed = True
            else:
                self._messages.append(message)
            self._ready.notify()

    def miss(self) -> None:
        """Note that messages may have been lost."""
        with self._ready:
            self._missed = True
            self._ready.notify()

    def take(self, timeout_s: float) -> bytes | None:
        """The next message; ``MISSED`` when some may be lost; None when none came in time."""
        with self._ready:
            if not self._messages and not self._missed:
                self._ready.wait(timeout_s)
            if self._missed:
                self._missed = False
                return MISSED
            return self._messages.popleft() if self._messages else None


class Dispatcher:
    """Channels to inboxes, for as long as the process lives."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._inboxes: dict[bytes, tuple[Inbox, ...]] = {}
        self._pubsub: Any = None
        self._thread: threading.Thread | None = None
        self._wanted = threading.Event()
        self._stopped = False

    def subscribe(self, channel: str) -> Inbox:
        """An inbox that misses nothing published after this returns.

        When Redis does not confirm in time the inbox is returned all the same: its reader finds
        in the log what it does not hear.
        """
        inbox = Inbox()
        name = channel.encode()
        with self._lock:
            self._inboxes[name] = (*self._inboxes.get(name, ()), inbox)
            self._start_thread()
            self._send("subscribe", name)
        self._wanted.set()
        inbox.confirmed.wait(CONFIRM_TIMEOUT_S)
        return inbox

    def unsubscribe(self, channel: str, inbox: Inbox) -> None:
        """Forget the inbox; others of the channel stay."""
        name = channel.encode()
        with self._lock:
            known = self._inboxes.pop(name, ())
            others = tuple(other for other in known if other is not inbox)
            if others:
                self._inboxes[name] = others
            elif known:
                self._send("unsubscribe", name)

    def close(self) -> None:
        """Stop reading."""
        self._stopped = True
        self._wanted.set()
        self._drop_connection()
        if self._thread is not None:
            self._thread.join(timeout=2)

    def _start_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="dispatcher", daemon=True)
            self._thread.start()

    def _send(self, command: str, name: bytes) -> None:
        # Only while a connection stands; else the reading thread subscribes when it has one. Any
        # error is the reading thread's to notice: it is on the same connection.
        if self._pubsub is not None:
            with contextlib.suppress(redis.RedisError, OSError):
                getattr(self._pubsub, command)(name)

    def _run(self) -> None:
        while not self._stopped:
            self._wanted.wait()
            try:
                self._read_until_broken()
            except Exception as error:  # noqa: BLE001 - one that another thread disconnects under
                # a read raises TypeError or AttributeError in redis-py; a new one is the cure.
                if not self._stopped:
                    log.warning("pub/sub connection lost: %s; making another", type(error).__name__)
                    time.sleep(RECONNECT_S)
            finally:
                self._drop_connection()

    def _read_until_broken(self) -> None:
        with self._lock:
            pubsub = self._client.pubsub()
            names = list(self._inboxes)
            if not names:
                self._wanted.clear()
                return
            # Before it subscribes: a connection that breaks meanwhile is to be closed too.
            self._pubsub = pubsub
            pubsub.subscribe(*names)
            # redis-py would reconnect silently inside a read: then nobody would know that
            # messages were lost in between. Every break must come up here.
            pubsub.connection.retry.update_retries(0)
        while not self._stopped:
            message = pubsub.get_message(timeout=READ_S)
            if message is not None:
                self._hand_over(message)

    def _hand_over(self, message: dict[str, Any]) -> None:
        for inbox in self._inboxes.get(message["channel"], ()):
            if message["type"] == "message":
                inbox.put(message["data"])
            elif message["type"] == "subscribe":
                inbox.confirmed.set()

    def _drop_connection(self) -> None:
        with self._lock:
            if self._pubsub is None:
                return
            with contextlib.suppress(redis.RedisError, OSError):
                self._pubsub.close()
            self._pubsub = None
            for inboxes in self._inboxes.values():
                for inbox in inboxes:
                    inbox.miss()
