"""What the embeddings engine counts: batches, what is in them, and how long they take.

Several lanes count, once a batch or a request: a lock costs them nothing that could be measured.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence

from worker.distribution import Distribution

INPUTS = (1, 2, 4, 8, 16, 32, 64)
TOKENS = (16, 32, 64, 128, 256, 512, 1024, 2048)
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class EmbedMeter:
    """One engine's counts since it began."""

    def __init__(self) -> None:
        self.inputs = Distribution(INPUTS)
        self.tokens = Distribution(TOKENS)
        self.inference_s = Distribution(SECONDS)
        self.tokenization_s = Distribution(SECONDS)
        self.failed_batches = 0
        self.answers = 0
        self._lock = threading.Lock()

    def computed(self, inputs: Sequence[Sequence[int]], took_s: float) -> None:
        """A batch was computed in so long."""
        with self._lock:
            self.inputs.add(len(inputs))
            self.tokens.add(sum(map(len, inputs)))
            self.inference_s.add(took_s)

    def tokenized(self, took_s: float) -> None:
        """A request's texts became tokens in so long."""
        with self._lock:
            self.tokenization_s.add(took_s)

    def failed(self) -> None:
        """A batch was not computed."""
        with self._lock:
            self.failed_batches += 1

    def answered(self, requests: int) -> None:
        """So many requests have all their vectors."""
        with self._lock:
            self.answers += requests
