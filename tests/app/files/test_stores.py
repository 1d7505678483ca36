"""What every store does alike: in a folder, in memory, and behind S3's protocol."""

from __future__ import annotations

import hashlib
import os
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.files.blobs import store_of
from app.files.errors import UnknownFile
from app.files.store import Store
from app.settings import ApiSettings
from tests.app.files.s3_server import BUCKET, S3Server

BIG = 20_000_003


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """One server for all tests that leave it whole."""
    server = S3Server(tmp_path_factory.mktemp("s3"))
    yield server
    server.kill()


@pytest.fixture(params=["default", "folder", "file", "memory", "s3"])
def store(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """Each of them, empty."""
    there = f"{tmp_path}/a folder"
    urls = {"default": "", "folder": there, "file": f"file://{there.replace(' ', '%20')}"}
    if request.param == "s3":
        for name, value in request.getfixturevalue("s3").environment.items():
            monkeypatch.setenv(name, value)
    inside = uuid.uuid4().hex
    urls |= {"memory": f"memory://{inside}", "s3": f"s3://{BUCKET}/{inside}"}
    return store_of(ApiSettings(data_dir=tmp_path / "data", files_url=urls[request.param]))


def put(store: Store, name: str, data: bytes) -> None:
    """Write a blob in one go."""
    with store.writer(name) as file:
        file.write(data)


def got(store: Store, name: str) -> bytes:
    """A whole blob."""
    with store.reader(name) as file:
        return file.read()


def left_in(store: Store) -> list[Path]:
    """Files in the making."""
    folder = store.staging.folder
    return list(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("data", [b"", b"x", b"a\r\nb\n\0\xff", bytes(range(256)) * 999], ids=len)
def test_bytes_come_back_as_they_went_in(store: Store, data: bytes) -> None:
    """And their number is known."""
    put(store, "batches/b1/1-1.output", data)
    assert got(store, "batches/b1/1-1.output") == data
    assert store.size("batches/b1/1-1.output") == len(data)


def test_a_large_blob_is_the_same_when_it_is_read_again(store: Store) -> None:
    """Written and read in pieces of odd sizes, beyond one part of S3's."""
    rng, digest = os.urandom(BIG), hashlib.sha256()
    with store.writer("big") as file:
        for at in range(0, BIG, 777_777):
            file.write(rng[at : at + 777_777])
    with store.reader("big") as file:
        while piece := file.read(1_234_567):
            digest.update(piece)
    assert digest.digest() == hashlib.sha256(rng).digest()
    assert store.size("big") == BIG


def test_a_reader_seeks(store: Store) -> None:
    """From the start, from where it is, from the end, and beyond it."""
    put(store, "lines", b"".join(b"line %06d\n" % number for number in range(600_000)))
    with store.reader("lines") as file:
        file.seek(12 * 599_999)
        assert file.readline() == b"line 599999\n"
        assert file.read() == b""
        file.seek(12)
        assert [next(file), next(file)] == [b"line 000001\n", b"line 000002\n"]
        assert file.tell() == 36
        file.seek(-5, os.SEEK_END)
        assert file.read(100) == b"9999\n"
        file.seek(12 * 700_000)
        assert file.read() == b""


def test_a_blob_is_replaced_as_a_whole(store: Store) -> None:
    """A shorter one leaves nothing of the longer."""
    put(store, "a/b", b"long" * 1_000)
    put(store, "a/b", b"short")
    assert got(store, "a/b") == b"short"


def test_nothing_is_seen_before_the_end(store: Store) -> None:
    """Nor by its size, nor in the list."""
    with store.writer("a/b") as file:
        file.write(b"x" * 1_000_000)
        file.flush()
        with pytest.raises(UnknownFile):
            store.size("a/b")
        assert list(store.names("a")) == []
    assert store.size("a/b") == 1_000_000


def test_an_error_while_writing_leaves_what_was_there(store: Store) -> None:
    """And the error is the writer's own; nothing is left in the making."""
    put(store, "a/b", b"before")

    def break_off() -> None:
        with store.writer("a/b") as file:
            file.write(b"x" * 1_000_000)
            raise OSError("mine")

    with pytest.raises(OSError, match="mine"):
        break_off()
    assert got(store, "a/b") == b"before"
    assert left_in(store) == []


@pytest.mark.parametrize("how", ["read", "size"])
def test_what_is_not_there_is_unknown(store: Store, how: str) -> None:
    """So is the folder of a blob."""
    put(store, "a/b/c", b"x")
    for name in ("nothing", "a/x", "a/b", "a/b/c/d"):
        with pytest.raises(UnknownFile):
            got(store, name) if how == "read" else store.size(name)


def test_a_deleted_blob_is_gone_and_may_be_deleted_again(store: Store) -> None:
    """Its neighbours stay."""
    put(store, "a/b", b"x")
    put(store, "a/c", b"y")
    for _ in range(2):
        store.delete("a/b")
    with pytest.raises(UnknownFile):
        store.size("a/b")
    assert list(store.names("a")) == ["a/c"]


def test_names_are_those_below_a_folder(store: Store) -> None:
    """At any depth; a name that begins alike is elsewhere."""
    wanted = {"batches/b1/1-1.output", "batches/b1/1-2.errors", "batches/b1/deep/er"}
    for name in wanted | {"batches/b10/1-1.output", "other"}:
        put(store, name, b"x")
    assert set(store.names("batches/b1")) == wanted
    assert sorted(store.names("batches")) == sorted(wanted | {"batches/b10/1-1.output"})
    assert list(store.names("nothing")) == []


def test_an_adopted_file_is_the_stores(store: Store, tmp_path: Path) -> None:
    """From its own staging folder or from elsewhere; it is gone from where it was."""
    data = os.urandom(BIG)
    elsewhere = tmp_path / "mine"
    elsewhere.write_bytes(data)
    store.adopt(str(elsewhere), "one")
    with store.staging.place() as path:
        path.write_bytes(data)
        store.adopt(str(path), "two/three")
        assert not path.exists()
    assert not elsewhere.exists()
    assert got(store, "one") == got(store, "two/three") == data
    assert left_in(store) == []


@pytest.mark.parametrize(
    "name",
    [
        *("", "/", "/etc/passwd", "..", "../x", "a/../../x", "a//b", "a/", ".staging/x", "a/.b"),
        *(
            "a b",
            "a\\b",
            "a\n",
            "a\0b",
            "s3://x/y",
            "é",
            "?versionId=1",
            "x" * 200,
            "a/" * 20 + "b",
        ),
    ],
)
def test_a_name_of_anybody_elses_making_is_refused(store: Store, name: str) -> None:
    """By every method that takes one."""
    for call in (store.size, store.delete, lambda n: store.adopt("x", n), lambda n: got(store, n)):
        with pytest.raises(ValueError, match="no name of a blob"):
            call(name)
    with pytest.raises(ValueError, match="no name of a blob"):
        put(store, name, b"x")
    with pytest.raises(ValueError, match="no name of a blob"):
        list(store.names(name))


@pytest.mark.parametrize("store", ["default", "s3"], indirect=True)
def test_many_threads_write_and_read_at_once(store: Store) -> None:
    """Each finds its own; the blob that all of them write is always one of theirs, whole."""
    failed: list[Exception] = []

    def work(number: int) -> None:
        mine = b"%d" % number * 50_000
        try:
            for turn in range(5):
                put(store, f"shared/own-{number}/{turn}", mine)
                put(store, "shared/one", mine)
                seen = got(store, "shared/one")
                assert len(seen) == 50_000
                assert len(set(seen)) == 1
                assert got(store, f"shared/own-{number}/{turn}") == mine
                store.delete(f"shared/own-{number}/{turn}")
        except Exception as error:  # noqa: BLE001 - of a thread
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert list(store.names("shared")) == ["shared/one"]


def test_what_was_never_whole_is_deleted_once_it_is_old(store: Store) -> None:
    """Files in the making, of which this one is too young."""
    with store.staging.place() as path:
        path.write_bytes(b"x")
        store.tidy()
        assert left_in(store) == [path]
        store.tidy(stale_s=-60)
        assert left_in(store) == []


@pytest.mark.parametrize("store", ["s3"], indirect=True)
def test_parts_that_were_never_put_together_are_deleted_once_they_are_old(
    store: Store, s3: S3Server
) -> None:
    """Those of this store's folder; a bucket may have others."""
    put(store, "marked", b"x")
    listed = s3.client.list_objects_v2(Bucket=BUCKET)["Contents"]
    [mine] = [each["Key"] for each in listed if each["Key"].endswith("/marked")]
    for key in (f"{mine}-too", "elsewhere/x"):
        s3.client.create_multipart_upload(Bucket=BUCKET, Key=key)
    # Here all of them are of 2010.
    store.tidy(stale_s=100 * 365 * 86_400)
    assert len(s3.client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]) == 2
    store.tidy()
    [left] = s3.client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert left["Key"] == "elsewhere/x"
