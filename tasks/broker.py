"""Celery's Redis transport, guarded; shared by everything that speaks to the queue.

Three things ended a worker on kombu 5.7.0 and must not: its connection closed under it, an entry
in a queue that is no message (``envelopes``), and such an entry among the unacked ones, which are
put back when their worker died. An entry that is no message is dropped with a log line that tells
its size and hash, never its content; a ticket that was lost with it is made good by the keeper.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from itertools import count
from typing import Any

import redis
from kombu.transport import redis as kombu_redis
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import dumps
from redis.exceptions import ConnectionError as RedisConnectionError

from tasks.envelopes import fault_in, fault_of

log = logging.getLogger(__name__)

# What code raises that was given data of another shape. What redis-py raises for a lost connection
# is not among them, and no RuntimeError: a pool that starts no thread must end its process.
DATA_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)

_dropped = count(1)


def report_dropped(place: str, fault: str, item: object) -> None:
    """Say that an entry was dropped: where, why, its size and hash, and how many before it."""
    raw = item if isinstance(item, bytes) else repr(item).encode(errors="replace")
    log.warning(
        "dropped from %s: %s (%d bytes, sha256 %s, no. %d of this process)",
        place,
        fault,
        len(raw),
        hashlib.sha256(raw).hexdigest()[:12],
        next(_dropped),
    )


def holds_tickets(queue: str) -> bool:
    """Whether tasks arrive in ``queue``; else it is one of Celery's mailboxes for commands."""
    return not queue.endswith(".pidbox")


class Client(redis.Redis):
    """A client whose BRPOP gives out messages only; for anything else it ran into its timeout."""

    def parse_response(self, connection: Any, command_name: Any, **options: Any) -> Any:
        """Read an answer, and drop it when it is an entry that is no message."""
        answer = super().parse_response(connection, command_name, **options)  # type: ignore[no-untyped-call]
        if command_name != "BRPOP" or not answer:
            return answer
        key, item = answer
        # A queue is a list per priority: "chat.echo", "chat.echo\x06\x163" and so on.
        queue = bytes_to_str(key).split(kombu_redis.Channel.sep, 1)[0]
        fault = fault_of(item, ticket=holds_tickets(queue))
        if fault is None:
            return answer
        report_dropped(queue, fault, item)
        return None


class QoS(kombu_redis.QoS):
    """The unacked messages, of which one that cannot be put back stops no other."""

    def restore_by_tag(self, tag: Any, client: Any = None, leftmost: bool = False) -> None:
        """Put a message back into its queue; drop what cannot be read."""
        try:
            super().restore_by_tag(tag, client, leftmost)
        except DATA_ERRORS:
            # In kombu the sweep ends here, and comes no further the next time.
            with self.channel.conn_or_acquire(client) as at_hand:  # type: ignore[attr-defined]
                entry = at_hand.hget(self.unacked_key, tag) or b""
            report_dropped("the unacked messages", "not readable", entry)
            self._remove_from_indices(tag).execute()  # type: ignore[attr-defined]  # not typed


class Channel(kombu_redis.Channel):
    """A channel that survives its connection being closed under it, and what is not for it."""

    QoS = QoS

    def _connparams(self, asynchronous: bool = False) -> Any:
        # When Redis goes away while a worker holds a ticket, restoring it runs on a connection
        # that is already torn down: kombu 5.7.0 then raises AttributeError ('NoneType' has no
        # 'hostname') and the worker exits. As a connection error it reconnects instead.
        if getattr(self.connection, "client", None) is None:
            raise RedisConnectionError("the broker connection is closed")
        return super()._connparams(asynchronous=asynchronous)  # type: ignore[misc]  # untyped there

    def _get_client(self) -> type[Client]:
        return Client

    def basic_consume(
        self,
        queue: str,
        no_ack: bool,
        callback: Callable[..., Any] | None,
        consumer_tag: str | None,
        **kwargs: Any,
    ) -> Any:
        """Consume, and reject a message at which the consumer fails for the message's sake."""

        def guarded(message: Any) -> Any:
            try:
                return callback(message) if callback else None
            except DATA_ERRORS as error:
                report_dropped(queue, f"refused with {type(error).__name__}", message.body)
                if not no_ack and not message.acknowledged:
                    message.reject()

        return super().basic_consume(queue, no_ack, guarded, consumer_tag, **kwargs)

    def _receive_one(self, c: Any) -> Any:
        try:
            return super()._receive_one(c)  # type: ignore[misc]
        except (ArithmeticError, AttributeError, RecursionError):
            # ValueError and TypeError it takes care of.
            log.warning("dropped a command to the workers: not JSON")
            return False

    def _deliver_fanout_message(self, message: Any, exchange: str) -> bool:
        fault = fault_in(message, ticket=False)
        if fault is None:
            return bool(super()._deliver_fanout_message(message, exchange))  # type: ignore[misc]
        report_dropped(exchange, fault, message)
        return False

    def _do_restore_message(
        self, payload: Any, exchange: Any, routing_key: Any, pipe: Any, leftmost: bool = False
    ) -> None:
        # Without an exception the entry leaves the unacked ones, as it does when it is put back.
        fault = fault_in(payload, ticket=False)
        if fault is None and isinstance(exchange, str) and isinstance(routing_key, str):
            super()._do_restore_message(payload, exchange, routing_key, pipe, leftmost)  # type: ignore[misc]
        else:
            report_dropped("the unacked messages", fault or "no destination", dumps(payload))


class Transport(kombu_redis.Transport):
    """``redis://`` with the guarded channel."""

    Channel = Channel
