"""What the engine asks of those who know grammars and tool calls; ``worker.constraints`` answers.

Both are made anew for each choice of an answer, and are deterministic in what they are given: a
later attempt that gives them the same tokens finds them in the same state.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tasks.events import CallDelta


class Constraint(Protocol):
    """Where one answer is in its grammar. Called from the engine's thread only."""

    def mask(self) -> NDArray[np.bool_] | None:
        """One truth value per token: may it come next? None when every token may.

        Tokens that end the answer are true where the grammar lets it end. Raises
        ``InvalidJob`` when the grammar turns out too complex to go on.
        """

    def accept(self, token: int) -> None:
        """The token was drawn; raises ``InvalidJob`` when the grammar does not have it here."""

    @property
    def complete(self) -> bool:
        """Whether the answer is whole and nothing but its end may follow."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a piece of an answer's text turned out to be."""

    content: str = ""
    calls: tuple[CallDelta, ...] = ()


class Reader(Protocol):
    """Tells text from tool calls as the text comes in. Called from the engine's thread only."""

    def push(self, text: str) -> Read:
        """Add text; what is certain by now."""

    def finish(self) -> Read:
        """The text has ended: what was held back."""

    @property
    def called(self) -> bool:
        """Whether the answer holds a tool call."""
