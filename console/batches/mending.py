"""A line of many texts fails for one of them: its texts are given lines of their own, once.

They are taken from the batch's input, which the server has: FILE would have to be read up to there.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import BinaryIO

import msgspec

from console.batches import contract
from console.batches.asking import embedding_line, row_id, rows_of_id
from console.batches.contract import Batch
from console.batches.results import Answered
from console.batches.server import Server


class _Body(msgspec.Struct, frozen=True):
    model: str
    input: list[str]


class _Request(msgspec.Struct, frozen=True):
    custom_id: str
    body: _Body


def failed_stretches(server: Server, batch: Batch, folder: Path) -> frozenset[str]:
    """The custom_ids of lines that failed when they were computed, and have more than one text."""
    if batch.status != "completed" or batch.error_file_id is None:
        return frozenset()
    with tempfile.TemporaryFile(dir=folder) as spool:
        failed = Answered(spool)
        failed.bring(server, batch.error_file_id)
        return frozenset(each for each in failed if _is_mendable(failed, each))


def write_alone(
    server: Server, batch: Batch, stretches: frozenset[str], folder: Path, into: BinaryIO
) -> None:
    """Write a line for each of these texts; ``Refused`` when the input is gone."""
    with tempfile.TemporaryFile(dir=folder) as file:
        contract.content(server, batch.input_file_id, file)
        file.seek(0)
        for line in file:
            request = msgspec.json.decode(line, type=_Request)
            place = rows_of_id(request.custom_id)
            if place is None or request.custom_id not in stretches:
                continue
            for row, text in enumerate(request.body.input, place[0]):
                into.write(embedding_line(row_id(row, 1), request.body.model, [text]))


def _is_mendable(failed: Answered, custom_id: str) -> bool:
    place, outcome = rows_of_id(custom_id), failed.outcome(custom_id)
    return place is not None and place[1] > 1 and outcome is not None and outcome.ran
