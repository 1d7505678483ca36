"""What is no ticket, in the queues of a worker and of the keeper."""

from __future__ import annotations

import base64
import pickle

import pytest

from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import wait_for
from tests.tasks.tickets import changed, without

SECRET = "what-no-log-may-hold"
EACH = 20


def pickled(queue: str) -> bytes:
    """A message whose body Celery would have to unpickle."""
    body = base64.b64encode(pickle.dumps(SECRET)).decode()
    place = ("content-type",)
    whole = changed(place, "application/x-python-serialize", queue)
    return whole.replace(b'{"body": "', b'{"body": "' + body.encode(), 1)


def garbage(queue: str) -> list[bytes]:
    """``EACH`` of raw bytes, of broken envelopes, of unknown tasks and of pickles."""
    return [
        entry
        for number in range(EACH)
        for entry in (
            SECRET.encode() + bytes([255, number]),
            without(("properties",), queue),
            changed(("headers", "argsrepr"), SECRET, queue).replace(b"millrace.chat", b"no.task"),
            pickled(queue),
        )
    ]


@pytest.mark.parametrize("queue", ["chat.echo", "keeper"])
def test_a_process_outlives_garbage_unknown_tasks_and_pickles(stack: Stack, queue: str) -> None:
    """All are dropped, none stays unacked, no log shows them, and the same process serves on."""
    pid = stack.pid_of(f"-Q {queue}")
    redis = stack.ledger.redis
    # Those of workers that other tests killed stay until their visibility timeout.
    held = set(redis.hkeys("unacked"))
    redis.lpush(queue, *garbage(queue))
    wait_for(lambda: redis.llen(queue) == 0 and set(redis.hkeys("unacked")) <= held, 20)
    answer = stack.client.chat.completions.create(
        model="echo", messages=[{"role": "user", "content": "still here"}]
    )
    assert answer.choices[0].message.content == "still here"
    assert stack.pid_of(f"-Q {queue}") == pid
    log = stack.log(queue)
    assert log.count("dropped from") >= 3 * EACH
    assert log.count("dropped a message: no such task") >= EACH
    assert SECRET not in log
