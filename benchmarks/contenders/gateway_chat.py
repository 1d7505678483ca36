"""The stack's own worker, asked and followed through ``tasks.gateway`` in process: no HTTP."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import msgspec

from benchmarks.contenders.sample import chat_sample, hand_over
from benchmarks.figures import Answered
from tasks.events import Done, Failed, Token
from tasks.gateway import Gateway, default_gateway
from tasks.jobs import ChatJob


def follow(gateway: Gateway, job: ChatJob) -> Answered:
    """Submit the job and read its events to the end."""
    started_s = time.perf_counter()
    first_s = 0.0
    tokens = 0
    with gateway.submit(msgspec.structs.replace(job, created_at=time.time())) as subscription:
        for _, event in subscription:
            if isinstance(event, Token):
                first_s = first_s or time.perf_counter()
            elif isinstance(event, Failed):
                raise event.error()
            elif isinstance(event, Done):
                tokens = event.usage.completion_tokens
    return Answered(started_s, first_s, time.perf_counter(), tokens)


def main() -> None:
    """Measure and hand over."""
    gateway = default_gateway()

    def answer_all(jobs: Sequence[ChatJob], streams: int) -> list[Answered]:
        with ThreadPoolExecutor(streams) as pool:
            return list(pool.map(lambda job: follow(gateway, job), jobs))

    hand_over(chat_sample(answer_all))
    gateway.close()


if __name__ == "__main__":
    main()
