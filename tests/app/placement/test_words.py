"""What clients are told of a model that nobody serves."""

from __future__ import annotations

import pytest

from app.placement.words import without_folders


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        ("/srv/models/a.gguf does not exist: put it there", "a.gguf does not exist: put it there"),
        ("b: '/srv/x/m.onnx' is cut", "b: 'm.onnx' is cut"),
        ("box: /data/a/b.gguf, tower: needs 3 GiB", "box: b.gguf, tower: needs 3 GiB"),
        ("hf:owner/repo/file.gguf is gated", "hf:owner/repo/file.gguf is gated"),
        ("needs 3.1 GiB and/or a GPU", "needs 3.1 GiB and/or a GPU"),
    ],
)
def test_clients_are_not_told_where_files_lie(reason: str, told: str) -> None:
    """A file's name stays, the folders above it do not; sources are names, and stay."""
    assert without_folders(reason) == told
