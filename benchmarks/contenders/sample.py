"""What a contender needs from its stack, and how it hands its figures over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.figures import Answered, Sample, first_token_ms, tokens_per_s
from benchmarks.prompts import CHAT_MODEL, STREAMS, WARM_UP_TOKENS, chat_jobs
from tasks.catalog import Model, load_catalog
from tasks.jobs import ChatJob
from tasks.settings import QueueSettings

# Answers the jobs, so many at a time.
AnswerAll = Callable[[Sequence[ChatJob], int], list[Answered]]


def model(name: str = CHAT_MODEL) -> Model:
    """The model as the stack serves it."""
    return load_catalog(QueueSettings()).find(name)


def chat_sample(answer_all: AnswerAll) -> Sample:
    """Time to first token and speed at every number of streams, after a short warm-up."""
    answer_all(chat_jobs(1, WARM_UP_TOKENS), 1)
    measured: dict[str, float] = {}
    for streams in STREAMS:
        measured |= chat_figures(streams, answer_all(chat_jobs(streams), streams))
    return measured


def chat_figures(streams: int, answers: Sequence[Answered]) -> dict[str, float]:
    """The figures of one burst, under the names of ``measurements.CHAT_METRICS``."""
    return {
        f"ttft_{streams}_ms": first_token_ms(answers),
        f"speed_{streams}_per_s": tokens_per_s(answers),
    }


def hand_over(sample: Sample) -> None:
    """Write the sample where the harness reads it."""
    sys.stdout.buffer.write(msgspec.json.encode(sample))
