"""What is known of a file, beside its bytes."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

from tasks.jobs import new_id

Purpose = Literal[
    "assistants", "batch", "batch_output", "evals", "fine-tune", "user_data", "vision"
]
UPLOADED: tuple[Purpose, ...] = tuple(each for each in get_args(Purpose) if each != "batch_output")
"""The purposes that a client may state; outputs are the server's own."""


class FileRecord(msgspec.Struct, frozen=True, kw_only=True):
    """One file. ``bytes`` is its size; times are whole seconds since the epoch.

    ``blob`` is the name of its bytes in the store. ``expires_at`` is None for one that is kept
    until it is deleted.
    """

    id: str
    owner: str
    filename: str
    purpose: Purpose
    bytes: int
    created_at: int
    blob: str
    expires_at: int | None = None


def new_file_id() -> str:
    """A file id; they sort by age."""
    return f"file-{new_id()}"


def upload_blob(file_id: str) -> str:
    """The name of the bytes that are uploaded as this file."""
    return f"uploads/{file_id}"
