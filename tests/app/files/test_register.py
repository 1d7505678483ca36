"""The register of files, on a real Redis."""

from __future__ import annotations

from typing import Any

import pytest

from app.files.errors import UnknownFile
from app.files.record import FileRecord, new_file_id
from app.files.register import Register
from tasks.connection import Client
from tasks.settings import QueueSettings


@pytest.fixture
def register(client: Client, settings: QueueSettings) -> Register:
    """The register."""
    return Register(client, settings)


def a_file(**changes: Any) -> FileRecord:
    """A file's record."""
    fields: dict[str, Any] = {
        "id": new_file_id(),
        "owner": "local",
        "filename": "in.jsonl",
        "purpose": "batch",
        "bytes": 12,
        "created_at": 1,
        "blob": "files/a",
    }
    return FileRecord(**(fields | changes))


def test_a_file_is_found_as_it_was_registered(register: Register) -> None:
    """Nothing of a record is lost on the way."""
    file = a_file(expires_at=99)
    register.add(file)
    assert register.find(file.id, "local") == file


def test_another_owner_s_file_is_unknown(register: Register) -> None:
    """Whose file it is, others cannot learn."""
    file = a_file()
    register.add(file)
    with pytest.raises(UnknownFile):
        register.find(file.id, "somebody")


def test_a_deleted_file_is_unknown_and_its_bytes_are_free(register: Register) -> None:
    """Deleting takes the record at once, and leaves the bytes to the sweeper."""
    file = a_file()
    register.add(file)
    assert register.delete(file)
    assert register.free_blobs(10) == [file.blob]
    with pytest.raises(UnknownFile):
        register.find(file.id, "local")


def test_a_file_is_deleted_once(register: Register) -> None:
    """The second of two deletions finds nothing."""
    file = a_file()
    register.add(file)
    register.delete(file)
    assert not register.delete(file)


def test_bytes_that_are_registered_again_are_not_free(register: Register) -> None:
    """A file that is made again under the same name is not swept away."""
    file = a_file()
    register.add(file)
    register.delete(file)
    register.add(file)
    assert register.free_blobs(10) == []


def test_a_page_is_of_one_purpose(register: Register) -> None:
    """Files of other purposes are passed over, also beyond what is looked at in one call."""
    wanted = a_file(id="file-" + "0" * 32, purpose="user_data")
    register.add(wanted)
    for number in range(1, 250):
        register.add(a_file(id=f"file-{number:032x}"))
    page = register.page("local", limit=5, purpose="user_data")
    assert (page.files, page.has_more) == ((wanted,), False)


def test_pages_follow_each_other(register: Register) -> None:
    """Each page begins after the last file of the one before."""
    files = [a_file(id=f"file-{number:032x}") for number in range(3)]
    for file in files:
        register.add(file)
    first = register.page("local", limit=2)
    rest = register.page("local", limit=2, after=first.files[-1].id)
    assert [*first.files, *rest.files] == files[::-1]
    assert (first.has_more, rest.has_more) == (True, False)


def test_a_file_expires_when_its_time_is_over(register: Register) -> None:
    """What expires is found from that second on."""
    file = a_file(expires_at=100)
    register.add(file)
    assert register.expired(99, 10) == []
    assert register.expired(100, 10) == [file]
