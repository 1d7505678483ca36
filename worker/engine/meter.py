"""What the decode loop counts as it goes: steps, tokens, and what they had to wait for.

Plain numbers, written by the loop's thread alone: to count costs it about a microsecond a step,
where a step takes milliseconds. ``worker.metrics`` reads them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence as List

from tasks.events import Timings
from worker.distribution import Distribution
from worker.engine.sequence import Sequence

STEP_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
GAP_S = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.5)
PHASE_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
BUSY = (1, 2, 4, 8, 16, 32, 64, 128)


class Meter:
    """One engine's counts since it began."""

    def __init__(self) -> None:
        self.busy = Distribution(BUSY)
        self.step_s = Distribution(STEP_S)
        self.gap_s = Distribution(GAP_S)
        self.prefill_s = Distribution(PHASE_S)
        self.decode_s = Distribution(PHASE_S)
        self.prompt_tokens = 0
        self.looked_for = 0
        self.found = 0
        self.generated = 0
        self.guessed = 0
        self.guesses_held = 0
        self.failed_steps = 0
        self.answers: Counter[str] = Counter()
        self._stepped_s = 0.0

    def stepped(self, slots: int, answering: int, began_s: float, ended_s: float) -> None:
        """A step computed a batch of ``slots``, of which ``answering`` had drawn tokens before.

        Those drew in the step before this one, too: what lies between is what their readers wait.
        """
        self.busy.add(slots)
        self.step_s.add(ended_s - began_s)
        if answering and self._stepped_s:
            self.gap_s.add(ended_s - self._stepped_s, answering)
        self._stepped_s = ended_s

    def entered(self, sequence: Sequence) -> None:
        """A sequence has a slot. A prompt counts once, however many choices answer it."""
        if sequence.index % sequence.request.n:
            return
        self.looked_for += len(sequence.known)
        self.found += sequence.cached
        if not sequence.resumed.ids:
            self.prompt_tokens += len(sequence.prompt)

    def answered(self, sequences: List[Sequence], timings: Timings | None) -> None:
        """A request is complete."""
        for sequence in sequences:
            if sequence.finished is not None:
                self.answers[sequence.finished.reason] += 1
        if timings is not None:
            self.prefill_s.add(timings.prompt_ms / 1000)
            self.decode_s.add(timings.predicted_ms / 1000)
            self.guessed += timings.draft_n
            self.guesses_held += timings.draft_accepted_n
