"""Sources: each form is found, and each mistake is told with its remedy."""

from __future__ import annotations

from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import resolve


def test_path_is_the_file(tmp_path: Path) -> None:
    """A path source is the file, absolute."""
    file = tmp_path / "model.gguf"
    file.touch()
    assert resolve(f"path:{file}") == file.resolve()


def test_package_is_found_without_import() -> None:
    """A file of a package is found through the package's spec."""
    assert resolve("package:numpy/__init__.py").name == "__init__.py"


@pytest.mark.parametrize(
    ("source", "remedy"),
    [
        ("model.gguf", "is no model source: write package:"),
        ("path:", "is no model source: write package:"),
        ("s3:bucket/model.gguf", "unknown scheme 's3'"),
        ("path:/nowhere/model.gguf", "does not exist"),
        ("path:/", "is a folder"),
        ("path:\0", "does not exist"),
        ("package:no_such_package_here/x", "not installed"),
        ("package:no_such_package.inner/x", "cannot be found"),
        ("package:numpy/none.gguf", "has no file"),
        ("package:numpy/../pip/__init__.py", "has no file"),
        ("hf:owner/repo", "is incomplete"),
        ("hf:ow ner/re po/file", "is no valid name"),
    ],
)
def test_mistakes_are_told(source: str, remedy: str) -> None:
    """Every source that cannot be used is ``LoadFailed`` with what to write instead."""
    with pytest.raises(LoadFailed, match=remedy):
        resolve(source)


def test_hugging_face_file_comes_from_its_cache(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Owner, repository and a file in a folder are told apart."""
    asked: dict[str, str] = {}

    def download(**names: str) -> str:
        asked.update(names)
        return str(tmp_path / "file")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert resolve("hf:owner/repo/folder/model.gguf") == tmp_path / "file"
    assert asked == {"repo_id": "owner/repo", "filename": "folder/model.gguf"}


def test_offline_is_told_with_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is not cached while huggingface.co is out of reach names the command to run."""

    def download(**names: str) -> str:
        raise LocalEntryNotFoundError("offline")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    with pytest.raises(LoadFailed, match=r"hf download owner/repo model\.gguf"):
        resolve("hf:owner/repo/model.gguf")
