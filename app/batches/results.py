"""What an ended job brings: lines of the output and error files, or pieces to be tried again. Pure.

A line fails for its own fault, or is tried again: alone, so that nobody fails for a neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from app.batches.lines import BadLine
from app.batches.planning import alone, apart, halves, once_more
from app.batches.record import Piece
from app.batches.rendering import answered, failed, never_run, refused, rows_of, vectors_line
from app.batches.requests import Request
from tasks.errors import DeadlineExceeded, InvalidJob, JobCancelled, TaskError, UnknownModel
from tasks.events import Done, Event, Usage, Vectors
from tasks.jobs import EmbedJob, Job

Unanswered = Callable[[str], bytes]
"""A custom id to the line of a request that was not answered."""

# The input of an embeddings job that an error is about, as the worker names it.
_INPUT = re.compile(r"input\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Results:
    """Rendered lines, each with its end, their count, and what is to be planned again."""

    output: Sequence[bytes] = ()
    errors: Sequence[bytes] = ()
    usage: Usage = field(default_factory=lambda: Usage(0))
    again: Sequence[Piece] = ()


def of_answer(custom_id: str, job: Job, job_id: str, events: Sequence[Event]) -> Results:
    """Of a job that answers one line of chat or completions."""
    line = answered(custom_id, job, job_id, events)
    return Results((line.line,), (), line.usage) if line.ok else Results((), (line.line,))


def of_vectors(requests: Sequence[Request], job_id: str, events: Sequence[Event]) -> Results:
    """Of a packed job: its rows belong to the requests' inputs, one after the other."""
    jobs = [each.job for each in requests if isinstance(each.job, EmbedJob)]
    counts = [len(job.texts) + len(job.tokens) for job in jobs]
    rows = rows_of(events)
    if len(rows) != sum(counts):
        raise ValueError(f"{len(rows)} vectors for {sum(counts)} inputs")
    end = events[-1]
    usage = end.usage if isinstance(end, Done) else Usage(0)
    tokens = _tokens(events, len(rows), usage.prompt_tokens)
    bounds = np.cumsum([0, *counts])
    sums = np.concatenate(([0], np.cumsum(tokens)))
    lines = [
        vectors_line(
            request.custom_id, job, job_id, rows[first:last], int(sums[last] - sums[first])
        )
        for request, job, first, last in zip(requests, jobs, bounds, bounds[1:], strict=False)
    ]
    return Results(lines, (), usage)


def of_bad_line(piece: Piece, job_id: str, custom_id: str, bad: BadLine) -> Results:
    """Of a piece that today's catalog has no job for, though it had when the batch was checked."""
    if len(piece.lines) > 1:
        return Results(again=alone(piece.lines))
    return Results((), (refused(custom_id, job_id, bad.error),))


def of_failure(custom_ids: Iterable[str], job_id: str, error: TaskError) -> Results:
    """Of lines that have failed for good."""
    return Results((), [failed(custom_id, job_id, error) for custom_id in custom_ids])


def of_nothing(custom_ids: Iterable[str], unanswered: Unanswered) -> Results:
    """Of lines that are not computed any more."""
    return Results((), [unanswered(custom_id) for custom_id in custom_ids])


def expired(custom_id: str) -> bytes:
    """The line of a request that its batch had no time for."""
    return never_run(custom_id, "batch_expired")


def cancelled(custom_id: str) -> bytes:
    """The line of a request that its batch was cancelled before."""
    return never_run(custom_id, "batch_cancelled")


def tried_again(piece: Piece, inputs: Callable[[], Sequence[int]], error: TaskError) -> list[Piece]:
    """What takes the place of a job that failed; nothing when its lines have failed for good.

    ``inputs`` counts the inputs of each line.
    """
    own_fault = isinstance(error, InvalidJob | UnknownModel)
    if isinstance(error, JobCancelled | DeadlineExceeded):
        # Somebody else ended it: an operator may mean the job, and then means it twice.
        return [] if piece.tries else [once_more(piece)]
    if len(piece.lines) == 1:
        return [] if own_fault or piece.tries else [once_more(piece)]
    named = _INPUT.match(error.param or "")
    if named is not None:
        return apart(piece, int(np.searchsorted(np.cumsum(inputs()), int(named[1]), side="right")))
    # They all ask for the same vectors, which the model does not have.
    return [] if own_fault and error.param == "dimensions" else halves(piece)


def _tokens(events: Sequence[Event], inputs: int, all_tokens: int) -> Sequence[int]:
    """Tokens per input, as the worker told; by equal parts when it was one that does not tell."""
    parts = sorted((each for each in events if isinstance(each, Vectors)), key=lambda p: p.start)
    told = [count for part in parts for count in part.tokens]
    if len(told) == inputs:
        return told
    share, rest = divmod(all_tokens, inputs)
    return [share + (place < rest) for place in range(inputs)]
