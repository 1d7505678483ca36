"""An embeddings job before and after its computing: to token ids, from vectors to events. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from tasks.errors import ContextLengthExceeded, InvalidJob
from tasks.events import Vectors
from tasks.jobs import EmbedJob
from worker.runtimes.base import EmbedRuntime

# Rows per event: 128 vectors of 384 numbers are 192 KB in the log.
ROWS = 128


def inputs_of(runtime: EmbedRuntime, job: EmbedJob) -> list[list[int]]:
    """The job's inputs as token ids; raises for one that the model cannot take."""
    if job.dimensions is not None and job.dimensions > runtime.dimensions:
        raise InvalidJob(
            f"The model's vectors have {runtime.dimensions} dimensions; ask for at most that many.",
            param="dimensions",
        )
    if job.texts:
        inputs = runtime.tokenize(job.texts)
    else:
        _check_ids(runtime, job)
        inputs = [runtime.wrap(tokens) for tokens in job.tokens]
    for index, tokens in enumerate(inputs):
        if len(tokens) > runtime.context:
            raise ContextLengthExceeded(
                f"Input {index} has {len(tokens)} tokens; the model takes {runtime.context}."
                " Split the text.",
                param=f"input[{index}]",
            )
    return inputs


def shorten(vectors: NDArray[np.float32], dimensions: int) -> NDArray[np.float32]:
    """The first ``dimensions`` numbers of each vector, of unit length again."""
    cut = vectors[:, :dimensions]
    norms = np.linalg.norm(cut, axis=1, keepdims=True)
    return np.ascontiguousarray(cut / np.maximum(norms, 1e-12), dtype=np.float32)


def events_of(vectors: NDArray[np.float32], tokens: Sequence[int]) -> Iterator[Vectors]:
    """The vectors as events of at most ``ROWS`` rows; ``tokens`` is how many each input has."""
    for start in range(0, len(vectors), ROWS):
        end = start + ROWS
        rows = np.ascontiguousarray(vectors[start:end], dtype="<f4")
        yield Vectors(start, rows.shape[1], rows.tobytes(), tuple(tokens[start:end]))


def _check_ids(runtime: EmbedRuntime, job: EmbedJob) -> None:
    for index, tokens in enumerate(job.tokens):
        if any(token >= runtime.vocabulary for token in tokens):
            raise InvalidJob(
                f"Input {index} has a token id of {runtime.vocabulary} or more; the model's"
                f" vocabulary ends at {runtime.vocabulary - 1}.",
                param=f"input[{index}]",
            )
