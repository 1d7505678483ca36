"""What a contender needs from its stack, and how it hands its figures over."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence

import msgspec

from benchmarks.figures import Answered, Sample, first_token_ms, tokens_per_s
from benchmarks.prompts import CHAT_MODEL, LAYER_STREAMS, WARM_UP_TOKENS, chat_jobs
from tasks.catalog import load_catalog
from tasks.jobs import ChatJob
from tasks.model import Model
from tasks.settings import QueueSettings

# Answers the jobs, so many at a time.
AnswerAll = Callable[[Sequence[ChatJob], int], list[Answered]]


def model(name: str = CHAT_MODEL) -> Model:
    """The model as the stack serves it."""
    return load_catalog(QueueSettings()).find(name)


def streams_wanted() -> tuple[int, ...]:
    """The numbers of streams that the command line names."""
    return tuple(int(each) for each in sys.argv[1:] if each.isdigit()) or LAYER_STREAMS


def chat_sample(answer_all: AnswerAll) -> Sample:
    """Time to first token and speed at every number of streams, after a short warm-up."""
    answer_all(chat_jobs(1, WARM_UP_TOKENS), 1)
    measured: dict[str, float] = {}
    for streams in streams_wanted():
        measured |= chat_figures(streams, answer_all(chat_jobs(streams), streams))
    return measured


def in_bursts(burst: Callable[[Sequence[ChatJob]], list[Answered]]) -> AnswerAll:
    """Answers so many jobs side by side, and the next when all of those are through."""

    def answer_all(jobs: Sequence[ChatJob], streams: int) -> list[Answered]:
        bursts = (jobs[at : at + streams] for at in range(0, len(jobs), streams))
        return [answer for part in bursts for answer in burst(part)]

    return answer_all


def chat_figures(streams: int, answers: Sequence[Answered]) -> dict[str, float]:
    """The figures of one burst, under the names that ``tables.columns`` shows."""
    return {
        f"ttft_{streams}_ms": first_token_ms(answers),
        f"speed_{streams}_per_s": tokens_per_s(answers),
    }


def hand_over(sample: Sample) -> None:
    """Write the sample where the harness reads it."""
    sys.stdout.buffer.write(msgspec.json.encode(sample))
