"""What can go wrong with a batch as a whole."""

from __future__ import annotations

from tasks.errors import TaskError


class UnknownBatch(TaskError):
    """Raised when there is no such batch: never made, forgotten, or another owner's."""

    code = "batch_not_found"


class BatchEnded(TaskError):
    """Raised when a batch is to be cancelled that has ended, or is about to."""

    code = "batch_ended"


class TakenOver(Exception):
    """Raised when another driver has the batch, or its status changed meanwhile: read it again."""
