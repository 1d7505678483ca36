"""What passes between a worker and the process that tries its model's files."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from tasks.model import Model

Outcome = Literal["sound", "refused", "crashed", "hung"]


class Question(msgspec.Struct, frozen=True):
    """Can ``model`` be loaded from these files, on ``device``?

    ``asker`` is the process that waits for the answer: nobody wants it any more when that died.
    """

    model: Model
    source: str
    tokenizer: str | None
    mmproj: str | None
    device: str
    asker: int

    @property
    def files(self) -> list[Path]:
        """All that are there."""
        return [Path(name) for name in (self.source, self.tokenizer, self.mmproj) if name]


class Answer(msgspec.Struct, frozen=True):
    """What came of it. ``beside`` are further files that the loader reads: weights kept apart."""

    outcome: Outcome
    reason: str = ""
    beside: tuple[str, ...] = ()
