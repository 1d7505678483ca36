"""Embeddings of many clients at once: nobody's vectors depend on the others, and none is lost."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from numpy.typing import NDArray

from tests.acceptance.stack import Stack
from tests.acceptance.test_disconnect import wait_for

MODEL = "minilm-l6"
QUEUE = f"embed.{MODEL}"
# What a worker claims in one call.
SEVERAL = 8
CLIENTS = 32


def vectors_of(stack: Stack, texts: Sequence[str]) -> NDArray[np.float32]:
    """The texts' vectors by one request."""
    answer = stack.client.embeddings.create(model=MODEL, input=list(texts))
    return np.array([each.embedding for each in answer.data], dtype=np.float32)


def test_company_changes_no_vector(stack: Stack) -> None:
    """Thirty-two clients with a text each, of all lengths, get what each would get alone."""
    texts = [f"Text {n} of the mill: " + "water " * (n * 7 % 40) for n in range(2 * CLIENTS)]
    alone = np.concatenate([vectors_of(stack, [text]) for text in texts])
    with ThreadPoolExecutor(CLIENTS) as clients:
        together = list(clients.map(lambda text: vectors_of(stack, [text])[0], texts))
    assert np.abs(np.array(together) - alone).max() < 1e-4


def test_a_killed_worker_loses_none_of_the_jobs_that_it_claimed_together(stack: Stack) -> None:
    """Several of thirty requests are in its hands at kill -9, and all thirty are answered."""
    requests = [[f"Request {n}, text {i}." for i in range(30)] for n in range(30)]
    ledger, running = stack.ledger, stack.ledger.keys.running(QUEUE)
    pid = stack.pid_of(f"-Q {QUEUE}")
    os.kill(pid, signal.SIGSTOP)
    with ThreadPoolExecutor(len(requests)) as clients:
        answers = [clients.submit(vectors_of, stack, texts) for texts in requests]
        wait_for(lambda: ledger.waiting(QUEUE) == len(requests), 10)
        os.kill(pid, signal.SIGCONT)
        wait_for(lambda: ledger.redis.zcard(running) >= SEVERAL, 10)
        os.kill(pid, signal.SIGKILL)
        held = ledger.redis.zcard(running)
        shapes = [answer.result().shape for answer in answers]
    assert held >= SEVERAL
    assert shapes == [(30, 384)] * len(requests)
    stack.wait_for(f"-Q {QUEUE}", other_than=pid)
