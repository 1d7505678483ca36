"""The guarded transport on a real Redis: what is no message is dropped, and consuming goes on."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterator
from typing import Any

import pytest
from kombu import Consumer, Queue

from tasks.celery import make_celery, publish_ticket
from tasks.connection import Client, connect
from tasks.settings import QueueSettings
from tests.conftest import RedisServer
from tests.tasks.tickets import changed, ticket, without

SECRET = "what-nobody-may-read"
GARBAGE = [
    SECRET.encode(),
    bytes(range(256)),
    b"null",
    json.dumps([SECRET]).encode(),
    b"[" * 100_000,
    without(("properties",)),
    changed(("properties", "delivery_tag"), {"a": SECRET}),
    changed(("body",), SECRET + "!!!"),
    changed(("headers", "task"), [SECRET]),
]


class Taker:
    """A consumer of one queue, as a worker has one."""

    def __init__(self, settings: QueueSettings, queue: str, fail: Exception | None = None) -> None:
        self.celery = make_celery(settings)
        self.queue = queue
        self.tasks: list[str] = []
        self.fail = fail
        self.connection = self.celery.connection_for_read()
        consumer = Consumer(
            self.connection.default_channel, [Queue(queue)], on_message=self._take, accept=["json"]
        )
        consumer.consume()

    def _take(self, message: Any) -> None:
        if self.fail is not None:
            raise self.fail
        self.tasks.append(message.headers["task"])
        message.ack()

    def drain(self, expected: int = 1, timeout_s: float = 5) -> list[str]:
        """Take what arrives until there are ``expected`` tasks; their names."""
        give_up_at = time.monotonic() + timeout_s
        while len(self.tasks) < expected and time.monotonic() < give_up_at:
            try:
                self.connection.drain_events(timeout=0.2)
            except TimeoutError:
                continue
        return self.tasks


@pytest.fixture
def own(mortal_redis: RedisServer) -> QueueSettings:
    """Settings of a Redis that no other test uses: the unacked messages have no prefix."""
    return QueueSettings(queue_url=mortal_redis.url, visibility_timeout_s=1)


@pytest.fixture
def redis_of(own: QueueSettings) -> Iterator[Client]:
    """A client of that Redis."""
    client = connect(own.queue_url)
    yield client
    client.close()


@pytest.mark.parametrize("queue", ["chat.m", "keeper"])
def test_a_ticket_behind_garbage_is_taken(
    own: QueueSettings, redis_of: Client, queue: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever lies before it, in a model's queue and in the keeper's; nothing stays unacked."""
    redis_of.lpush(queue, *GARBAGE)
    taker = Taker(own, queue)
    publish_ticket(taker.celery, queue, "job-1")
    assert len(taker.drain()) == 1
    assert redis_of.keys("unacked*") == []
    dropped = [record for record in caplog.records if record.name == "tasks.broker"]
    assert len(dropped) == len(GARBAGE)
    taker.connection.close()


def test_a_drop_is_logged_without_what_was_dropped(
    own: QueueSettings, redis_of: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """The queue, the size and the start of a hash, in one line."""
    redis_of.lpush("chat.m", SECRET.encode())
    taker = Taker(own, "chat.m")
    publish_ticket(taker.celery, "chat.m", "job-1")
    taker.drain()
    [line] = [r.getMessage() for r in caplog.records if r.name == "tasks.broker"]
    assert line.startswith(f"dropped from chat.m: not JSON ({len(SECRET)} bytes, sha256 ")
    assert SECRET not in caplog.text
    taker.connection.close()


@pytest.mark.parametrize("error", [TypeError("x"), KeyError("x"), ValueError("x")])
def test_a_message_at_which_the_consumer_fails_is_rejected(
    own: QueueSettings, redis_of: Client, error: Exception
) -> None:
    """It is neither raised nor kept: unacked it would come back and fail again."""
    taker = Taker(own, "chat.m", fail=error)
    redis_of.lpush("chat.m", ticket())
    taker.connection.drain_events(timeout=5)
    assert redis_of.hlen("unacked") == redis_of.llen("chat.m") == 0
    taker.connection.close()


def test_a_consumer_that_cannot_go_on_still_ends(own: QueueSettings, redis_of: Client) -> None:
    """A pool without threads is no fault of the message: the error passes, the message stays."""
    taker = Taker(own, "chat.m", fail=RuntimeError("can't start new thread"))
    redis_of.lpush("chat.m", ticket())
    with pytest.raises(RuntimeError, match="new thread"):
        taker.connection.drain_events(timeout=5)
    assert redis_of.hlen("unacked") == 1
    taker.connection.close()


@pytest.mark.parametrize(
    "entry",
    [
        SECRET.encode(),
        json.dumps([SECRET]).encode(),
        json.dumps([[SECRET], "", "chat.m"]).encode(),
        json.dumps([{"headers": SECRET}, {"a": 1}, [2]]).encode(),
        json.dumps([json.loads(ticket()), "", None]).encode(),
    ],
)
def test_garbage_among_the_unacked_stops_no_other_from_coming_back(
    own: QueueSettings, redis_of: Client, entry: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    """It is dropped, its index too; the ticket that was older than it is in its queue again."""
    whole = json.dumps([json.loads(ticket()), "", "chat.m"])
    redis_of.hset("unacked", mapping={"bad": entry, "good": whole})
    redis_of.zadd("unacked_index", {"bad": 2, "good": 1})
    caplog.set_level(logging.WARNING)
    taker = Taker(own, "chat.m")
    channel: Any = taker.connection.default_channel
    channel.qos.restore_visible(num=10)
    assert redis_of.llen("chat.m") == 1
    assert redis_of.keys("unacked*") == []
    assert SECRET not in caplog.text
    taker.connection.close()
