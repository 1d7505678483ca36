"""The node on the real stack: workers that die come back, and none is ever there twice."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import wait_for
from tests.acceptance.test_faults import TEXT, Background

BACK_S = 5.0
QUEUES = ("chat.smollm2-135m", "embed.minilm-l6", "chat.echo", "chat.slow")
MANY = pytest.mark.slow, pytest.mark.timeout(600)


def ready_pid(stack: Stack, queue: str) -> int:
    """The process that says it serves ``queue``; 0 while none does."""
    reports = stack.roster.workers(queue).values()
    return next((r.pid for r in reports if r.state == "ready" and not r.gone), 0)


def back_after_s(stack: Stack, queue: str, killed: int) -> float:
    """How long it takes until another process serves the queue."""
    began = time.monotonic()
    wait_for(lambda: ready_pid(stack, queue) not in (0, killed), 30)
    return time.monotonic() - began


@contextmanager
def counted(stack: Stack) -> Iterator[dict[str, int]]:
    """The most processes that any queue had at the same time, while the block runs."""
    most = dict.fromkeys(QUEUES, 0)
    over = threading.Event()

    def count() -> None:
        while not over.wait(0.1):
            for queue in QUEUES:
                most[queue] = max(most[queue], len(stack.workers_of(queue)))

    thread = threading.Thread(target=count)
    thread.start()
    yield most
    over.set()
    thread.join()


@pytest.mark.parametrize("kills", [3, pytest.param(8, marks=MANY)])
def test_a_killed_worker_is_back_within_5_s_each_time(stack: Stack, kills: int) -> None:
    """Its job goes on in the next process and ends whole; every time, however often."""
    took: list[float] = []
    for _ in range(kills):
        answer = Background(stack, "slow", TEXT)
        wait_for(lambda: ready_pid(stack, "chat.slow") != 0, 30)
        time.sleep(0.5)
        killed = ready_pid(stack, "chat.slow")
        os.kill(killed, signal.SIGKILL)
        took.append(back_after_s(stack, "chat.slow", killed))
        assert answer.result().text == TEXT
    print(f"\nback after {min(took):.1f} to {max(took):.1f} s ({kills} kills)")
    assert max(took) < BACK_S


@pytest.mark.parametrize("kills", [1, pytest.param(5, marks=MANY)])
def test_a_killed_node_doubles_nothing(stack: Stack, kills: int) -> None:
    """Its workers end by themselves; the next node starts each of them once, and jobs go on."""
    for _ in range(kills):
        stack.wait_ready(30)
        answer = Background(stack, "slow", TEXT)
        time.sleep(0.5)
        with counted(stack) as most:
            killed = stack.node_pid()
            os.kill(killed, signal.SIGKILL)
            wait_for(lambda: ready_pid(stack, "chat.slow") != 0, 30)
            assert answer.result().text == TEXT
            stack.wait_ready(30)
        assert set(most.values()) == {1}


def test_a_stopped_node_starts_again_with_what_it_served(stack: Stack) -> None:
    """SIGTERM ends its workers; the runner's next node has the same models, by its assignments."""
    before = stack.fleet.all_assignments()
    os.kill(stack.node_pid(), signal.SIGTERM)
    wait_for(lambda: not any(stack.workers_of(queue) for queue in QUEUES), 15)
    stack.wait_ready(30)
    assert stack.fleet.all_assignments() == before
    assert all(len(stack.workers_of(queue)) == 1 for queue in QUEUES)
