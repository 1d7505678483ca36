"""A part of FILE becomes a batch, exactly once, whatever breaks on the way.

What is about to be made is remembered first. Where it is not known whether the batch was made (no
answer came, or the command died before it could write the id down) one's own batches are looked
through: each says in its metadata of which run and part it is.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from console.batches import contract
from console.batches.contract import Batch
from console.batches.faults import Doubtful
from console.batches.memory import Memory
from console.batches.parts import Cutter
from console.batches.server import Server

RUN, PART, ROWS, MENDS = "millrace_run", "millrace_part", "millrace_rows", "millrace_mends"
OWN_PAIRS = 4
"""Pairs of a batch's metadata that are ours, of the 16 that it may have."""

TRIES = 3
# So long a server may still be at a request that nobody waits for.
_SETTLE_S = 1.0
_MOST_LOOKED_AT = 2_000

Write = Callable[[BinaryIO], None]


class Submitter:
    """Makes the batches of one memory."""

    def __init__(self, server: Server, memory: Memory) -> None:
        self._server = server
        self._memory = memory
        self._cutter = Cutter(memory.ask, memory.parts)

    def submit(self, number: int) -> Batch:
        """The batch of a part, which had none; raises what the API says against it."""
        part = self._memory.parts[number]
        batch = self._found(number, mends="") if part.tried else None
        if batch is None:
            batch = self._made(
                number,
                "",
                lambda file: self._cutter.write(number, file),
                lambda: self._memory.change(number, tried=True),
            )
        self._memory.change(number, batch_id=batch.id)
        return batch

    def mend(self, number: int, write: Write) -> Batch:
        """A second batch of a part, for what ``write`` writes."""
        part = self._memory.parts[number]
        batch = self._found(number, mends=part.batch_id) if part.mending_tried else None
        if batch is None:
            batch = self._made(
                number,
                part.batch_id,
                write,
                lambda: self._memory.change(number, mending_tried=True),
            )
        self._memory.change(number, mending_id=batch.id)
        return batch

    def _made(self, number: int, mends: str, write: Write, remember: Callable[[], object]) -> Batch:
        ask, parts = self._memory.ask, self._memory.parts
        name = f"{Path(ask.file).name}.{number + 1}-of-{len(parts)}.jsonl"
        with tempfile.TemporaryFile(dir=self._memory.path.parent) as file:
            write(file)
            file.seek(0)
            file_id = contract.upload(self._server, file, name)
        remember()
        metadata = {**ask.metadata, **self._marks(number, mends)}
        for attempt in range(1, TRIES + 1):
            try:
                return contract.create(self._server, file_id, ask.endpoint, ask.window, metadata)
            except Doubtful:
                time.sleep(_SETTLE_S)
                if (batch := self._found(number, mends)) is not None:
                    return batch
                if attempt == TRIES:
                    raise
        raise AssertionError("the last attempt returns or raises")

    def _marks(self, number: int, mends: str) -> dict[str, str]:
        part = self._memory.parts[number]
        marks = {RUN: self._memory.run, PART: f"{number + 1}/{len(self._memory.parts)}"}
        if not self._memory.ask.is_ready:
            marks[ROWS] = f"{part.first}+{part.rows}"
        return {**marks, MENDS: mends} if mends else marks

    def _found(self, number: int, mends: str) -> Batch | None:
        """The batch of a part, looked for among one's own."""
        marks = self._marks(number, mends)
        for batch in islice(contract.newest(self._server), _MOST_LOOKED_AT):
            known = batch.metadata or {}
            if all(known.get(name) == value for name, value in marks.items()) and (
                bool(mends) == (MENDS in known)
            ):
                return batch
        return None
