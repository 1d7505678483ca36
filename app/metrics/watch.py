"""What becomes of one answer, as its client sees it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from tasks.events import Done, Event, Failed, Started, Token

if TYPE_CHECKING:
    from app.metrics.counted import ApiMetrics

End = Literal["done", "failed", "client_left", "handed_over", "lost"]


class Watch:
    """Hears each event of an answer, and how the reading of it ended; counts both once.

    ``queued_ms`` is how long its job waited for a slot; None until that is known.
    """

    __slots__ = ("_began_s", "_ended", "_metrics", "_model", "_waits", "queued_ms")

    def __init__(self, metrics: ApiMetrics, model: str, began_s: float | None) -> None:
        self.queued_ms: int | None = None
        self._metrics = metrics
        self._model = model
        self._began_s = began_s
        self._waits = True
        self._ended = False

    def heard(self, event: Event) -> None:
        """The next event came."""
        if isinstance(event, Token):
            # Of all others there are a few in each answer: nothing is done for most tokens.
            if self._waits:
                self._first()
        elif isinstance(event, Started):
            self.queued_ms = event.queued_ms
        elif isinstance(event, Done):
            if self._began_s is not None:
                took_s = time.monotonic() - self._began_s
                self._metrics.whole_s.labels(self._model).observe(took_s)
            self.left("done")
        elif isinstance(event, Failed):
            self.left("failed")

    def left(self, end: End) -> None:
        """Nobody reads on, and why; the first word holds."""
        if not self._ended:
            self._ended = True
            self._metrics.answers.labels(self._model, end).inc()

    def _first(self) -> None:
        self._waits = False
        if self._began_s is not None:
            took_s = time.monotonic() - self._began_s
            self._metrics.first_token_s.labels(self._model).observe(took_s)
