"""What is known of a batch, as it lies in Redis."""

from __future__ import annotations

from typing import Literal

import msgspec

from tasks.jobs import new_id

Endpoint = Literal["/v1/chat/completions", "/v1/completions", "/v1/embeddings"]
Status = Literal[
    "validating",
    "in_progress",
    "finalizing",
    "completed",
    "failed",
    "expired",
    "cancelling",
    "cancelled",
]
ENDED: frozenset[Status] = frozenset({"completed", "failed", "expired", "cancelled"})

MOST_ERRORS = 100
"""Validation errors that are kept of one input file."""


class LineError(msgspec.Struct, frozen=True):
    """What is wrong with the input; ``line`` counts from 1, None for the file as a whole."""

    code: str
    message: str
    line: int | None = None
    param: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked for: written once. Times are whole seconds since the epoch.

    ``model`` is the one that the first line names, known once the input is read. ``input_blob`` is
    the name of the input's bytes. ``output_ttl_s`` is how long the files of results are kept.
    ``models`` are those that the batch's key may use; all when it is empty.
    """

    id: str
    owner: str
    endpoint: Endpoint
    input_file_id: str
    input_blob: str
    completion_window: str
    created_at: int
    expires_at: int
    metadata: dict[str, str] = {}
    webhook_url: str = ""
    output_ttl_s: int
    models: tuple[str, ...] = ()


class BatchRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as it stands: its order, and what has become of it.

    ``cursor`` lines, ``offset`` bytes of the input, are planned. ``total`` is 0 until the input is
    read. Usage is in tokens.
    """

    order: Order
    status: Status
    epoch: int = 0
    model: str = ""
    cursor: int = 0
    offset: int = 0
    total: int = 0
    completed: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    errors: tuple[LineError, ...] = ()
    output_file_id: str | None = None
    error_file_id: str | None = None
    in_progress_at: int | None = None
    finalizing_at: int | None = None
    completed_at: int | None = None
    failed_at: int | None = None
    expired_at: int | None = None
    cancelling_at: int | None = None
    cancelled_at: int | None = None

    @property
    def id(self) -> str:
        """The batch's id."""
        return self.order.id

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.status in ENDED


class Line(msgspec.Struct, frozen=True, array_like=True):
    """Where a request stands in the input: its number from 1, its first byte, its length."""

    number: int
    offset: int
    length: int


class Piece(msgspec.Struct, frozen=True, array_like=True):
    """The lines that one job computes. ``tries`` is how often they were in a job that failed."""

    lines: tuple[Line, ...]
    tries: int = 0


class Commit(msgspec.Struct, frozen=True, kw_only=True):
    """What a piece of results brings: the names of what was stored ('' for nothing), and counts.

    ``jobs`` leave the plan; ``again`` are pieces that join it, by their jobs' ids.
    """

    output: str = ""
    errors: str = ""
    completed: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    jobs: tuple[str, ...] = ()
    again: dict[str, Piece] = {}


def new_batch_id() -> str:
    """A batch id; they sort by age."""
    return f"batch_{new_id()}"
