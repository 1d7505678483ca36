"""The sweeper: what is over goes, what is needed stays."""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from flask.testing import FlaskClient

from app.batches.book import Book
from app.batches.record import Order
from app.files.errors import StoreUnavailable, UnknownFile
from app.files.folder import FolderStore
from app.files.place import Files
from app.files.record import FileRecord, upload_blob
from app.files.staging import STALE_S
from app.files.sweeping import Sweeper
from app.settings import ApiSettings
from tasks.connection import Client
from tests.app.files.forms import URL, upload


@pytest.fixture
def sweeper(place: Files) -> Sweeper:
    """Of the application's files."""
    return Sweeper(place.register, place.store)


def made(http: FlaskClient, place: Files, purpose: str = "batch") -> FileRecord:
    """The record of an uploaded file."""
    answer: Any = upload(http, purpose=purpose).json
    return place.register.find(answer["id"], "local")


def expire(place: Files, record: FileRecord) -> FileRecord:
    """The same file, whose time is over."""
    over = msgspec.structs.replace(record, expires_at=1)
    place.register.add(over)
    return over


def is_stored(place: Files, record: FileRecord) -> bool:
    """Whether its bytes are there."""
    try:
        return place.store.size(record.blob) >= 0
    except UnknownFile:
        return False


def test_an_expired_file_goes_with_its_bytes(
    http: FlaskClient, place: Files, sweeper: Sweeper
) -> None:
    """And no other."""
    old, young, forever = (
        made(http, place),
        made(http, place),
        made(http, place, purpose="vision"),
    )
    expire(place, old)
    sweeper.round()
    listed: Any = http.get(URL).json
    assert {each["id"] for each in listed["data"]} == {young.id, forever.id}
    assert [is_stored(place, record) for record in (old, young, forever)] == [False, True, True]


def test_a_deleted_files_bytes_stay_while_a_batch_reads_them(
    http: FlaskClient, place: Files, sweeper: Sweeper, client: Client, api_settings: ApiSettings
) -> None:
    """Expired or deleted: for its batch it is there until the end."""
    book = Book(client, api_settings)
    inputs = [made(http, place) for _ in range(2)]
    for number, record in enumerate(inputs):
        order = Order(
            id=f"batch_{number}",
            owner="local",
            endpoint="/v1/embeddings",
            input_file_id=record.id,
            input_blob=record.blob,
            completion_window="24h",
            created_at=1,
            expires_at=2,
            output_ttl_s=3_600,
        )
        assert book.create(order)
    place.register.delete(inputs[0])
    expire(place, inputs[1])
    sweeper.round()
    assert [is_stored(place, record) for record in inputs] == [True, True]
    assert http.get(f"{URL}/{inputs[0].id}").status_code == 404
    client.delete(*(f"{api_settings.key_prefix}:blob-uses:{each.blob}" for each in inputs))
    client.sadd(f"{api_settings.key_prefix}:free-blobs", *(each.blob for each in inputs))
    sweeper.round()
    assert [is_stored(place, record) for record in inputs] == [False, False]


def test_bytes_that_were_never_registered_go_a_day_later(place: Files, sweeper: Sweeper) -> None:
    """Those of a process that was killed in between; one that is at it still has its day."""
    for file_id, until_s in (("file-killed", time.time() - 1), ("file-working", time.time() + 60)):
        place.register.announce(file_id, until_s)
        with place.store.writer(upload_blob(file_id)) as file:
            file.write(b"x")
    sweeper.round()
    sweeper.round()
    assert list(place.store.names("uploads")) == ["uploads/file-working"]


def test_an_upload_that_ended_well_is_announced_no_more(
    http: FlaskClient, place: Files, client: Client, api_settings: ApiSettings
) -> None:
    """Its own expiry counts from then on, or none."""
    record = made(http, place, purpose="vision")
    assert client.zcard(f"{api_settings.key_prefix}:expiring-files") == 0
    record = made(http, place)
    assert (
        client.zscore(f"{api_settings.key_prefix}:expiring-files", record.id) == record.expires_at
    )


def test_a_store_that_is_away_is_tried_again(http: FlaskClient, place: Files, folder: Path) -> None:
    """Nothing is forgotten before its bytes are gone."""
    record = expire(place, made(http, place))

    class Away(FolderStore):
        def delete(self, name: str) -> None:
            raise StoreUnavailable("The store of files does not answer.")

    Sweeper(place.register, Away(folder)).round()
    assert place.register.free_blobs(10) == [record.blob]
    assert is_stored(place, record)
    Sweeper(place.register, place.store).round()
    assert place.register.free_blobs(10) == []
    assert not is_stored(place, record)


def test_several_sweepers_at_once_do_no_harm(http: FlaskClient, place: Files) -> None:
    """Two keepers may both take themselves for elected for a moment."""
    kept = made(http, place)
    for _ in range(40):
        expire(place, made(http, place))
    failed: list[Exception] = []

    def sweep() -> None:
        try:
            for _ in range(5):
                Sweeper(place.register, place.store).round()
        except Exception as error:  # noqa: BLE001 - of a thread
            failed.append(error)

    threads = [threading.Thread(target=sweep) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert list(place.store.names("uploads")) == [kept.blob]


def test_what_killed_processes_left_in_the_making_goes_a_day_later(
    place: Files, sweeper: Sweeper
) -> None:
    """By the time of its last byte."""
    staging = place.store.staging.folder
    staging.mkdir(parents=True)
    for name, age_s in (("old", STALE_S + 60), ("young", STALE_S - 60)):
        (staging / name).write_bytes(b"x")
        os.utime(staging / name, (time.time() - age_s,) * 2)
    sweeper.round()
    assert [path.name for path in staging.iterdir()] == ["young"]
