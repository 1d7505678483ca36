"""A client that leaves stops its job."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.acceptance.stack import Stack

LONG = "word " * 1_000


class Caller:
    """A raw connection, so that leaving means closing a socket and nothing else."""

    def __init__(self, stack: Stack, **body: Any) -> None:
        data = json.dumps({"messages": [{"role": "user", "content": LONG}]} | body).encode()
        self.socket = socket.create_connection(("127.0.0.1", stack.port))
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data)}\r\n\r\n"
        )
        self.socket.sendall(head.encode() + data)

    def read_until(self, word: bytes) -> bytes:
        """Read until ``word`` has come."""
        got = b""
        while word not in got:
            got += self.socket.recv(65536)
        return got

    def leave(self) -> None:
        """Close the connection."""
        self.socket.close()


def jobs_of(stack: Stack, queue: str, state: str) -> list[dict[str, str]]:
    """The records of a queue's jobs in that state."""
    ledger = stack.ledger
    ids = [key.decode().rsplit(":", 1)[1] for key in ledger.redis.scan_iter(ledger.keys.job("*"))]
    records = [ledger.record(job_id) | {"id": job_id} for job_id in ids]
    return [r for r in records if r.get("queue") == queue and r.get("state") == state]


def wait_for(condition: Callable[[], bool], timeout_s: float) -> float:
    """Seconds until ``condition`` holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < timeout_s, "it never came true"
        time.sleep(0.02)
    return time.monotonic() - began


def busy(stack: Stack) -> int:
    """How many jobs the slow model runs."""
    return int(stack.ledger.redis.zcard(stack.ledger.keys.running("chat.slow")))


@pytest.mark.parametrize("stream", [True, False])
def test_leaving_frees_the_slot_within_a_second(stack: Stack, stream: bool) -> None:
    """Streaming or not, the generation stops and the job is cancelled."""
    wait_for(lambda: busy(stack) == 0, 20)
    caller = Caller(stack, model="slow", stream=stream)
    wait_for(lambda: busy(stack) == 1, 5)
    if stream:
        caller.read_until(b"content")
    [running] = jobs_of(stack, "chat.slow", "running")
    caller.leave()
    assert wait_for(lambda: busy(stack) == 0, 5) < 1
    assert stack.ledger.state(running["id"]) == "cancelled"


def test_a_job_whose_client_left_while_it_waited_never_runs(stack: Stack) -> None:
    """It is cancelled in the queue, without an attempt."""
    wait_for(lambda: busy(stack) == 0, 20)
    holders = [Caller(stack, model="slow", stream=True) for _ in range(4)]
    wait_for(lambda: busy(stack) == 4, 5)
    waiting = Caller(stack, model="slow", stream=True)
    wait_for(lambda: stack.ledger.waiting("chat.slow") == 1, 5)
    [queued] = jobs_of(stack, "chat.slow", "queued")
    waiting.leave()
    wait_for(lambda: stack.ledger.state(queued["id"]) == "cancelled", 2)
    for holder in holders:
        holder.leave()
    wait_for(lambda: busy(stack) == 0, 5)
    time.sleep(0.5)
    assert stack.ledger.record(queued["id"])["attempt"] == "0"


def test_health_answers_while_many_streams_run(stack: Stack) -> None:
    """Streams do not take the API's threads away from anybody."""
    callers = [Caller(stack, model="slow", stream=True) for _ in range(40)]
    times: list[float] = []

    def look() -> None:
        began = time.monotonic()
        with socket.create_connection(("127.0.0.1", stack.port), timeout=5) as probe:
            probe.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert b"200 OK" in probe.recv(4096)
        times.append(time.monotonic() - began)

    threads = [threading.Thread(target=look) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for caller in callers:
        caller.leave()
    assert len(times) == 10
    assert max(times) < 1
    wait_for(lambda: busy(stack) == 0 and stack.ledger.waiting("chat.slow") == 0, 10)


def test_forty_long_prompts_at_once_are_all_accepted(stack: Stack) -> None:
    """Each is checked by the worker first, and none of these questions gets in another's way."""
    callers = [Caller(stack, model="slow", stream=True) for _ in range(40)]
    heads = [caller.read_until(b"\r\n\r\n") for caller in callers]
    for caller in callers:
        caller.leave()
    assert [head.split(b"\r\n", 1)[0] for head in heads] == [b"HTTP/1.1 200 OK"] * 40
    wait_for(lambda: busy(stack) == 0 and stack.ledger.waiting("chat.slow") == 0, 10)
