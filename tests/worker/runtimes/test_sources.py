"""Sources: each form is found, and each mistake is told with its remedy."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import huggingface_hub
import pytest
from huggingface_hub.errors import LocalEntryNotFoundError

from tasks.model import Model
from worker.runtimes.errors import LoadFailed
from worker.runtimes.sources import Files, files_of, locate, resolve


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
        ("hf:owner/repo/../../file", "does not leave its repository"),
        ("package:/x", "cannot be found"),
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


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A hub's cache with one repository, as the hub's own library lays it out."""
    cache = tmp_path / "hub"
    repository = cache / "models--owner--repo"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("c0ffee")
    folder = repository / "snapshots" / "c0ffee" / "onnx"
    folder.mkdir(parents=True)
    (folder / "model.onnx").write_text("weights")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    return cache


@pytest.mark.parametrize("file", ["onnx/model.onnx", "model.onnx", "onnx"])
def test_a_hub_file_is_looked_up_where_its_library_does(file: str, hub: Path) -> None:
    """What is found in the cache is what huggingface_hub itself would find."""
    theirs = huggingface_hub.try_to_load_from_cache("owner/repo", file)
    assert locate(f"hf:owner/repo/{file}") == (Path(theirs) if isinstance(theirs, str) else None)


def test_a_hub_file_that_is_not_there_is_no_mistake(hub: Path) -> None:
    """A file that would have to be fetched first is None, of whichever repository."""
    assert locate("hf:owner/other/model.onnx") is None


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        ("hf:owner/repo", "is incomplete"),
        ("hf:owner/repo/../../../x", "does not leave its repository"),
        ("hf:owner/repo//etc/passwd", "does not leave its repository"),
        ("path:/nowhere/model.gguf", "does not exist"),
        ("s3:bucket/model.gguf", "unknown scheme"),
    ],
)
def test_looking_up_tells_mistakes_too(source: str, fault: str, hub: Path) -> None:
    """A source that no fetching would help is ``LoadFailed`` at once."""
    with pytest.raises(LoadFailed, match=fault):
        locate(source)


def test_looking_up_is_cheap() -> None:
    """A process that only asks where files lie gets no library that fetches or computes."""
    code = (
        "import sys\n"
        "from worker.runtimes.sources import locate\n"
        "locate('hf:owner/repo/model.onnx')\n"
        "locate('package:numpy/__init__.py')\n"
        "print(sorted({name.partition('.')[0] for name in sys.modules}\n"
        "    & {'httpx2', 'httpx', 'requests', 'numpy', 'llama_cpp', 'onnxruntime', 'tokenizers'}))"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == "[]"


def model(source: str, **fields: Any) -> Model:
    """A definition of ``source``: an embedding model where that is an ONNX file."""
    kind = "embed" if source.endswith(".onnx") else "chat"
    return Model(**{"name": "m", "kind": kind, "source": source, **fields})


def test_all_files_of_a_model_are_found(tmp_path: Path) -> None:
    """The projector of a model that sees is one of its files, and an unnamed tokenizer is not."""
    paths = [tmp_path / name for name in ("model.gguf", "mmproj.gguf")]
    for path in paths:
        path.touch()
    source, mmproj = (f"path:{path}" for path in paths)
    files = files_of(model(source, kind="multimodal", mmproj=mmproj), (), fetch=True)
    assert files == Files(paths[0], None, paths[1])
    assert files.present == tuple(paths)


def test_echo_has_no_files() -> None:
    """A model of the echo runtime has none."""
    assert files_of(model("echo:"), (), fetch=True) == Files(None)


def test_a_tokenizer_lies_beside_its_model(hub: Path) -> None:
    """That of a hub's file is the one beside it in the repository, to be fetched like it."""
    files = files_of(model("hf:owner/repo/onnx/model.onnx"), (), fetch=False)
    assert files.source == hub / "models--owner--repo/snapshots/c0ffee/onnx/model.onnx"
    assert (files.tokenizer, files.missing) == (None, ("hf:owner/repo/onnx/tokenizer.json",))


def test_restricted_models_stay_in_their_folders(tmp_path: Path) -> None:
    """A file in an allowed folder, or below it, is served, and no other."""
    allowed, other = tmp_path / "allowed", tmp_path / "allowed-not"
    for folder in (allowed / "deep", other):
        folder.mkdir(parents=True)
        (folder / "model.gguf").touch()
    inside = model(f"path:{allowed}/deep/model.gguf", restricted=True)
    assert files_of(inside, (other / "x", allowed), fetch=True).source
    outside = model(f"path:{other}/model.gguf", restricted=True)
    with pytest.raises(LoadFailed, match=rf"outside the folders .*{allowed}.*MODEL_FOLDERS"):
        files_of(outside, (allowed,), fetch=True)
    assert files_of(model(outside.source), (allowed,), fetch=True).source


@pytest.mark.parametrize(
    "name", ["link.gguf", "linked/model.gguf", "../outside/model.gguf", "none/../../outside/x"]
)
def test_no_way_leads_out_of_an_allowed_folder(name: str, tmp_path: Path) -> None:
    """Links and dots are followed before it is asked where the file lies."""
    allowed, outside = tmp_path / "allowed", tmp_path / "outside"
    allowed.mkdir()
    outside.mkdir()
    (outside / "model.gguf").touch()
    (allowed / "link.gguf").symlink_to(outside / "model.gguf")
    (allowed / "linked").symlink_to(outside)
    with pytest.raises(LoadFailed, match="outside the folders"):
        files_of(model(f"path:{allowed}/{name}", restricted=True), (allowed,), fetch=True)


def test_an_allowed_folder_may_be_a_link(tmp_path: Path) -> None:
    """An administrator may have put the models on another disk."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "model.gguf").touch()
    (tmp_path / "models").symlink_to("disk")
    found = model(f"path:{tmp_path}/models/model.gguf", restricted=True)
    assert files_of(found, (tmp_path / "models",), fetch=True).source


@pytest.mark.parametrize("part", ["tokenizer", "mmproj"])
def test_every_part_of_a_restricted_model_is_looked_at(part: str, tmp_path: Path) -> None:
    """A tokenizer or projector elsewhere is refused like the model's own file."""
    (tmp_path / "model.gguf").touch()
    found = model(f"path:{tmp_path}/model.gguf", restricted=True, **{part: "path:/etc/passwd"})
    with pytest.raises(LoadFailed, match="path:/etc/passwd lies outside"):
        files_of(found, (tmp_path,), fetch=True)


def test_a_restricted_tokenizer_may_not_be_found_elsewhere(tmp_path: Path) -> None:
    """One that lies beside the model as a link to elsewhere is refused, though nobody named it."""
    (tmp_path / "allowed").mkdir()
    (tmp_path / "allowed" / "model.onnx").touch()
    (tmp_path / "allowed" / "tokenizer.json").symlink_to("/etc/passwd")
    found = model(f"path:{tmp_path}/allowed/model.onnx", restricted=True)
    with pytest.raises(LoadFailed, match=r"tokenizer\.json lies outside"):
        files_of(found, (tmp_path / "allowed",), fetch=True)


def test_a_restricted_model_does_not_tell_what_exists(tmp_path: Path) -> None:
    """Outside the folders a file that is there and one that is not get the same words."""
    told = []
    for name in ("passwd", "no-such-file"):
        with pytest.raises(LoadFailed) as raised:
            files_of(model(f"path:/etc/{name}", restricted=True), (tmp_path,), fetch=True)
        told.append(str(raised.value).replace(name, "X"))
    assert told[0] == told[1]


def test_a_restricted_model_imports_no_package(tmp_path: Path) -> None:
    """To find what is inside a package Python would run the package: that is not for strangers."""
    with pytest.raises(LoadFailed, match="name the outermost package"):
        files_of(model("package:numpy.linalg/__init__.py", restricted=True), (), fetch=True)
    assert files_of(model("package:numpy/__init__.py", restricted=True), (), fetch=True).source
