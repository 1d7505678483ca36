"""The bare runtime plus the engine's loop: sequences, text, events; no Redis and no Celery."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from functools import partial

from benchmarks.contenders.sample import chat_sample, hand_over, in_bursts, model
from benchmarks.figures import Answered
from tasks.events import Token, is_terminal
from tasks.jobs import ChatJob
from worker.engine import Engine, Request
from worker.engine.engine import Told
from worker.runtimes.load import load_chat


class Listener:
    """Notes when each request's first text and its end were told."""

    def __init__(self) -> None:
        self.first_s: dict[str, float] = {}
        self.ended_s: dict[str, float] = {}
        self.ended = threading.Condition()

    def tell(self, told: Told) -> None:
        """The engine's callback."""
        now_s = time.perf_counter()
        for request_id, event in told:
            if isinstance(event, Token):
                self.first_s.setdefault(request_id, now_s)
            elif is_terminal(event):
                with self.ended:
                    self.ended_s[request_id] = now_s
                    self.ended.notify()

    def wait_for(self, ids: set[str]) -> None:
        """Until all of them have ended."""
        with self.ended:
            self.ended.wait_for(lambda: ids <= self.ended_s.keys())


def request(job: ChatJob, prompt: tuple[int, ...]) -> Request:
    """The job as the engine knows it."""
    return Request(
        id=job.id,
        prompts=(prompt,),
        sampling=job.sampling,
        seed=job.sampling.seed or 0,
        max_tokens=job.max_tokens,
        ignore_eos=job.ignore_eos,
        cache_prompt=job.cache_prompt,
    )


def main() -> None:
    """Measure and hand over."""
    listener = Listener()
    engine = Engine(partial(load_chat, model()), listener.tell)
    engine.start()

    def burst(jobs: Sequence[ChatJob]) -> list[Answered]:
        prompts = [tuple(engine.runtime.prompt(job.messages)) for job in jobs]
        started_s = time.perf_counter()
        for job, prompt in zip(jobs, prompts, strict=True):
            engine.submit(request(job, prompt))
        listener.wait_for({job.id for job in jobs})
        return [
            Answered(
                started_s, listener.first_s[job.id], listener.ended_s[job.id], job.max_tokens or 0
            )
            for job in jobs
        ]

    hand_over(chat_sample(in_bursts(burst)))
    engine.close()


if __name__ == "__main__":
    main()
