"""A folder that is away for a while: a disk that is not mounted."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.files.errors import StoreUnavailable, UnknownFile
from app.files.folder import FolderStore


def test_files_of_a_folder_that_is_away_are_not_gone(tmp_path: Path) -> None:
    """A batch whose input is gone fails for good; one whose store is away waits for it."""
    folder = tmp_path / "files"
    store = FolderStore(folder)
    with store.writer("uploads/a") as file:
        file.write(b"there")
    folder.rename(tmp_path / "away")
    with pytest.raises(StoreUnavailable):
        store.size("uploads/a")
    with pytest.raises(StoreUnavailable), store.reader("uploads/a"):
        pass
    (tmp_path / "away").rename(folder)
    assert store.size("uploads/a") == 5
    with pytest.raises(UnknownFile), store.reader("uploads/b"):
        pass
