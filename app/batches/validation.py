"""The check of an input file in steps, so that nothing else waits for a file of 200 MB."""

from __future__ import annotations

import time
from collections.abc import Iterator

from app.batches.checking import Checked, Checker
from app.batches.lines import BadLine
from app.batches.record import Line, Order
from app.batches.source import Source
from app.images.reading import Images
from app.settings import ApiSettings
from tasks.catalog import Catalog

STEP_S = 0.02


class Validation:
    """One reading of one file from its beginning; what is known of it dies with this."""

    def __init__(
        self, source: Source, order: Order, catalog: Catalog, settings: ApiSettings, images: Images
    ) -> None:
        self._source = source
        self._most_bytes = settings.body_limit_bytes
        self._lines: Iterator[tuple[Line, bytes]] | None = None
        self._checker = Checker(
            order,
            catalog,
            max_lines=settings.batch_max_lines,
            max_inputs=settings.batch_max_inputs,
            images=images,
        )

    def step(self) -> Checked | None:
        """Read on for a moment; the result once the end is reached, or enough is wrong."""
        if self._lines is None:
            self._lines = self._source.lines(most_bytes=self._most_bytes)
        stop_at = time.monotonic() + STEP_S
        try:
            for line, raw in self._lines:
                self._checker.add(line, raw)
                if self._checker.enough:
                    break
                if time.monotonic() >= stop_at:
                    return None
        except BadLine as bad:
            self._checker.refuse(bad.error)
        return self._checker.result()
