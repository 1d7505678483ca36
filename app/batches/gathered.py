"""Gathered: lines that are rendered and not kept yet. They are few, and can be made again."""

from __future__ import annotations

import time

from app.batches.record import Commit, Piece
from app.batches.results import Results
from tasks.jobs import new_id

MOST_BYTES = 4 * 1024 * 1024
# Redis does nothing else while it takes a commit in: 25 ms for two thousand jobs.
MOST_JOBS = 1_000


class Gathered:
    """A piece of the output file in the making, one of the error file, and what they stand for."""

    def __init__(self) -> None:
        self.output = bytearray()
        self.errors = bytearray()
        self.jobs: list[str] = []
        self.again: dict[str, Piece] = {}
        self._since_s = time.monotonic()
        self._completed = 0
        self._failed = 0
        self._tokens = [0, 0, 0]

    def add(self, job_id: str, results: Results) -> None:
        """Take in what the job ``job_id`` of the plan brought."""
        if not self.jobs:
            self._since_s = time.monotonic()
        self.jobs.append(job_id)
        self.again |= {new_id(): piece for piece in results.again}
        for line in results.output:
            self.output += line
        for line in results.errors:
            self.errors += line
        self._completed += len(results.output)
        self._failed += len(results.errors)
        usage = results.usage
        for index, count in enumerate(
            (usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens)
        ):
            self._tokens[index] += count

    @property
    def full(self) -> bool:
        """Whether it is as much as is held at once."""
        held = len(self.output) + len(self.errors)
        return held >= MOST_BYTES or len(self.jobs) >= MOST_JOBS

    @property
    def age_s(self) -> float:
        """For how long the first of it has waited to be kept."""
        return time.monotonic() - self._since_s if self.jobs else 0.0

    def commit(self, output: str, errors: str) -> Commit:
        """What is to be counted once both are stored under these names."""
        prompt, completion, cached = self._tokens
        return Commit(
            output=output,
            errors=errors,
            completed=self._completed,
            failed=self._failed,
            prompt_tokens=prompt,
            completion_tokens=completion,
            cached_tokens=cached,
            jobs=tuple(self.jobs),
            again=self.again,
        )
