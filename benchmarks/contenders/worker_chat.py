"""The engine plus handlers, ledger and token log in Redis; no Celery, no API, no reader.

It has a key prefix of its own, so that the running stack's keeper and workers do not see it. When
the first token left is only told to a reader, so there is no time to first token here.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence

import msgspec

from benchmarks.contenders.sample import chat_sample, hand_over, in_bursts, model
from benchmarks.figures import Answered
from tasks.celery import make_celery
from tasks.jobs import ChatJob, new_id
from tasks.logs import configure_logs
from tasks.terms import Terms
from worker import handlers
from worker.process import ModelProcess
from worker.settings import WorkerSettings


def main() -> None:
    """Measure and hand over."""
    settings = WorkerSettings().model_copy(update={"key_prefix": "bench-worker"})
    configure_logs(settings)  # to the same place and in the same form as a worker's
    process = ModelProcess(settings, make_celery(settings), model())
    process.start()

    def one(answers: list[Answered], tokens: int) -> None:
        started_s = time.perf_counter()
        handlers.chat(process)
        ended_s = time.perf_counter()
        answers.append(Answered(started_s, ended_s, ended_s, tokens))

    def burst(jobs: Sequence[ChatJob]) -> list[Answered]:
        answers: list[Answered] = []
        for job in jobs:
            renamed = msgspec.structs.replace(job, id=new_id(), created_at=time.time())
            process.ledger.accept(renamed, process.model.queue, Terms.background(settings))
        threads = [
            threading.Thread(target=one, args=(answers, job.max_tokens or 0)) for job in jobs
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return answers

    sample = chat_sample(in_bursts(burst))
    hand_over({name: value for name, value in sample.items() if not name.startswith("ttft")})
    process.close()


if __name__ == "__main__":
    main()
