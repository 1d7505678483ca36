"""A crew: lanes that compute the inputs of one line, and how much of it they take at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from worker.embedding.line import Line, Place


@dataclass(slots=True)
class Crew:
    """``free`` lanes wait at ``woken``, whose lock guards everything here.

    A batch has at most ``rows`` inputs, and ``tokens`` tokens with the padding. One that is
    ``patient`` lets others go first.
    """

    woken: threading.Condition
    rows: int
    tokens: int
    patient: bool = False
    line: Line = field(init=False)
    free: int = 0

    def __post_init__(self) -> None:
        self.line = Line(shared=not self.patient)

    def take(self) -> list[Place]:
        """The next batch; what waits is shared among the free lanes."""
        share = -(-len(self.line) // max(self.free, 1))
        return self.line.take(min(share, self.rows), self.tokens)
