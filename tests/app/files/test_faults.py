"""What goes wrong with a store, and what clients are told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from app.files.blobs import store_of
from app.files.errors import StoreUnavailable
from app.files.faults import told, translated
from app.files.guarded import to_write
from app.settings import ApiSettings


def write(path: str, data: bytes) -> None:
    """To the end."""
    with to_write(path) as file:
        file.write(data)


def test_a_full_disk_is_said_to_be_full() -> None:
    """A write that the kernel refuses, also one that waited in a buffer until the end."""
    for size in (10, 10_000_000):
        with pytest.raises(StoreUnavailable, match="The disk is full"):
            write("/dev/full", b"x" * size)


def test_a_place_that_is_no_folder_is_told_without_its_path(tmp_path: Path) -> None:
    """Clients read the message."""
    (tmp_path / "secret").write_text("a file")
    store = store_of(ApiSettings(files_url=str(tmp_path / "secret")))
    with pytest.raises(StoreUnavailable) as refused, store.writer("x"):
        pass
    assert "secret" not in refused.value.message


@pytest.mark.parametrize(
    "error",
    [
        *(
            PermissionError("/a/path"),
            PermissionError(13, "no", "/a/path"),
            OSError(30, "x", "/a/path"),
        ),
        *(ConnectionError("key=secret"), TimeoutError("secret"), RuntimeError("secret")),
    ],
    ids=repr,
)
def test_whatever_a_library_raises_is_told_as_a_store_that_is_away(error: Exception) -> None:
    """None of its own words go out."""
    message = told(error).message
    assert isinstance(told(error), StoreUnavailable)
    assert "path" not in message
    assert "secret" not in message


def test_an_error_of_ours_stays_what_it_is() -> None:
    """It was translated further inside."""
    inner = StoreUnavailable("The disk is full.")
    with pytest.raises(StoreUnavailable) as raised, translated(Exception):
        raise inner
    assert raised.value is inner


@pytest.mark.parametrize(
    ("url", "says"),
    [
        *(("ftp://host/x", "s3://bucket/folder"), ("http://host", "s3://bucket/folder")),
        *(("s3://", "no bucket"), ("s3:///folder", "no bucket"), ("://", "s3://bucket/folder")),
    ],
)
def test_an_url_that_names_no_store_is_refused_at_the_start(url: str, says: str) -> None:
    """With what would be one."""
    with pytest.raises(ValueError, match=f"MILLRACE_FILES_URL.*{says}"):
        store_of(ApiSettings(files_url=url))


def test_without_the_library_of_s3_the_start_names_the_extra() -> None:
    """In a process of its own, where it cannot be imported."""
    program = (
        "import sys; sys.modules['s3fs'] = None\n"
        "from app.files.blobs import store_of\n"
        "from app.settings import ApiSettings\n"
        "store_of(ApiSettings(files_url='s3://bucket'))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 1
    assert "pip install 'millrace[s3]'" in ended.stderr.splitlines()[-1]


def test_a_folder_needs_none_of_fsspecs_libraries() -> None:
    """The default starts without them."""
    program = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from app.files.blobs import store_of\n"
        "from app.settings import ApiSettings\n"
        "store_of(ApiSettings(data_dir='nowhere')).names('x')\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert not Path("nowhere").exists()
