"""The runtime of a chat by itself: its own decode loop, with nothing around it.

The whole life of this process is one thread: libgomp counts a team of threads for each thread
that computes, and with more of them than cores it does not spin (34 instead of 205 tokens/s).
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from functools import partial

from benchmarks.contenders.sample import chat_sample, hand_over, in_bursts, model
from benchmarks.figures import Answered
from tasks.jobs import ChatJob
from worker.runtimes.base import ChatRuntime, Feed
from worker.runtimes.load import load_chat


def burst(runtime: ChatRuntime, jobs: Sequence[ChatJob]) -> list[Answered]:
    """All jobs side by side: one call for the prompts, then one per token."""
    prompts = [runtime.prompt(job.messages) for job in jobs]
    tokens = jobs[0].max_tokens or 1
    started_s = time.perf_counter()
    for slot, job in enumerate(jobs):
        runtime.keep(slot, 0)
        runtime.open(slot, job.sampling, seed=job.sampling.seed or 0, ban_end=True)
    drawn = runtime.decode([Feed(slot, prompt, True) for slot, prompt in enumerate(prompts)])
    first_s = time.perf_counter()
    for _ in range(tokens - 1):
        drawn = runtime.decode([Feed(each.slot, (each.token,), True) for each in drawn])
    ended_s = time.perf_counter()
    for slot in range(len(jobs)):
        runtime.close(slot)
    return [Answered(started_s, first_s, ended_s, tokens) for _ in jobs]


def main() -> None:
    """Measure and hand over."""
    runtime = load_chat(model())
    hand_over(chat_sample(in_bursts(partial(burst, runtime))))
    runtime.shutdown()


if __name__ == "__main__":
    main()
