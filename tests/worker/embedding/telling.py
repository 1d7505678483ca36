"""What an embeddings engine told."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from worker.embedding.engine import Computed


class Told:
    """Who was told of, and a wait for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.over: dict[str, Computed] = {}

    def __call__(self, over: Sequence[Computed]) -> None:
        with self._changed:
            assert not {each.request for each in over} & set(self.over)
            self.over |= {each.request: each for each in over}
            self._changed.notify_all()

    def wait_for(self, *names: str) -> None:
        """Until all of them are over."""
        with self._changed:
            assert self._changed.wait_for(lambda: set(names) <= set(self.over), 10)
