"""What can go wrong with a file, each with the code that clients are told."""

from __future__ import annotations

from tasks.errors import TaskError


class UnknownFile(TaskError):
    """Raised when there is no such file: never uploaded, deleted, expired, or another owner's."""

    code = "file_not_found"


class StoreUnavailable(TaskError):
    """Raised when the place that keeps the bytes does not take or give them."""

    code = "file_store_unavailable"
