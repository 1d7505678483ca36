"""Files over HTTP: what is kept, listed, given back, and refused."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.files.place import Files
from app.files.record import UPLOADED, FileRecord, new_file_id
from app.settings import ApiSettings
from tests.app.files.conftest import BATCH_LIMIT_BYTES, LIMIT_BYTES
from tests.app.files.forms import TEXT, URL, Part, send, upload


def add(place: Files, **fields: Any) -> FileRecord:
    """A file that is registered, without bytes."""
    file_id = new_file_id()
    least: dict[str, Any] = {"id": file_id, "owner": "local", "filename": "f", "purpose": "batch"}
    record = FileRecord(**(least | {"bytes": 0, "created_at": 1, "blob": file_id} | fields))
    place.register.add(record)
    return record


def files_in(folder: Path) -> list[Path]:
    """Every file of the store, also those in the making."""
    return [path for path in folder.rglob("*") if path.is_file()]


def refusal(response: Any) -> tuple[int, str | None, str]:
    """Status, param and message of an error."""
    error = response.json["error"]
    assert error["type"] == "invalid_request_error"
    return response.status_code, error["param"], error["message"]


def test_a_file_is_there_from_its_upload_to_its_deletion(http: FlaskClient) -> None:
    """Its object is the same wherever it is answered; then there is none."""
    made = upload(http).json
    assert made | {"id": "", "created_at": 0, "expires_at": 0} == {
        "id": "",
        "object": "file",
        "bytes": len(TEXT),
        "created_at": 0,
        "filename": "in.jsonl",
        "purpose": "batch",
        "status": "processed",
        "expires_at": 0,
    }
    assert http.get(f"{URL}/{made['id']}").json == made
    assert http.get(URL).json == {
        "object": "list",
        "data": [made],
        "first_id": made["id"],
        "last_id": made["id"],
        "has_more": False,
    }
    gone = {"id": made["id"], "object": "file", "deleted": True}
    assert http.delete(f"{URL}/{made['id']}").json == gone
    for call in (http.get, http.delete):
        assert refusal(call(f"{URL}/{made['id']}"))[:2] == (404, "file_id")
    assert refusal(http.get(f"{URL}/{made['id']}/content"))[:2] == (404, "file_id")


@pytest.mark.parametrize(
    "data",
    [b"", b"x", b"\r\n", b"\n--", b"--x\r\n--\r\n" * 9, TEXT, bytes(range(256)) * 4_000],
    ids=len,
)
def test_bytes_come_back_as_they_went_in(http: FlaskClient, data: bytes) -> None:
    """Nothing, line ends of any kind, what looks like a boundary, and everything else."""
    made = upload(http, data).json
    content = http.get(f"{URL}/{made['id']}/content")
    assert (content.status_code, content.data, made["bytes"]) == (200, data, len(data))
    assert content.headers["Content-Length"] == str(len(data))


def test_content_is_a_download(http: FlaskClient) -> None:
    """No browser shows it, and its name does no harm in a header."""
    made = upload(http, filename='Größe \\"5%\\"\u2028.html').json
    headers = http.get(f"{URL}/{made['id']}/content", buffered=True).headers
    assert made["filename"] == 'Größe "5%".html'
    assert headers["Content-Type"] == "application/octet-stream"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Disposition"] == (
        'attachment; filename="Gr__e _5__.html";'
        " filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%225%25%22.html"
    )


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("0-9", 0, 10), ("5-", 5, None), ("-7", -7, None), ("0-99999", 0, None)],
)
def test_a_range_is_a_part_of_the_content(
    http: FlaskClient, asked: str, start: int, end: int | None
) -> None:
    """From the start, the middle or the end, and no more than there is."""
    made = upload(http).json
    part = http.get(f"{URL}/{made['id']}/content", headers={"Range": f"bytes={asked}"})
    assert (part.status_code, part.data) == (206, TEXT[start:end])
    assert part.headers["Content-Length"] == str(len(TEXT[start:end]))


@pytest.mark.parametrize("asked", ["bytes=1000-", "bytes=0-1,4-5", "bytes=x", "lines=1-2"])
def test_what_is_no_range_of_the_content_is_a_416(http: FlaskClient, asked: str) -> None:
    """In the shape of all errors."""
    made = upload(http).json
    beyond = http.get(f"{URL}/{made['id']}/content", headers={"Range": asked})
    assert refusal(beyond)[0] == 416


def test_nobody_fetches_the_same_content_twice(http: FlaskClient) -> None:
    """A file never changes: its id is its entity tag."""
    made = upload(http).json
    first = http.get(f"{URL}/{made['id']}/content", buffered=True)
    again = http.get(
        f"{URL}/{made['id']}/content", headers={"If-None-Match": first.headers["ETag"]}
    )
    assert (first.status_code, again.status_code, again.data) == (200, 304, b"")


@pytest.mark.parametrize("purpose", UPLOADED)
def test_only_a_batchs_input_expires_by_itself(
    http: FlaskClient, api_settings: ApiSettings, purpose: str
) -> None:
    """All else is kept until it is deleted; either may say when instead."""
    made = upload(http, purpose=purpose).json
    kept_s = made["expires_at"] - made["created_at"] if "expires_at" in made else None
    assert kept_s == (api_settings.batch_ttl_s if purpose == "batch" else None)
    wish = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
    made = upload(http, TEXT, purpose=purpose, **wish).json
    assert made["expires_at"] - made["created_at"] == 3_600
    assert abs(made["created_at"] - time.time()) < 10


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"purpose": "batch_output"}, "purpose"),
        ({"purpose": ""}, "purpose"),
        ({"purpose": "x" * 70_000}, "purpose"),
        ({"expires_after[anchor]": "created_at"}, "expires_after[seconds]"),
        ({"expires_after[seconds]": "3600"}, "expires_after[anchor]"),
        *(
            (
                {"expires_after[anchor]": "created_at", "expires_after[seconds]": seconds},
                "expires_after[seconds]",
            )
            for seconds in ("3599", "2592001", "-3600", "4000.0", "", "9" * 5_000)
        ),
        (
            {"expires_after[anchor]": "now", "expires_after[seconds]": "3600"},
            "expires_after[anchor]",
        ),
    ],
)
def test_a_wrong_field_is_a_400_that_names_it(
    http: FlaskClient, folder: Path, fields: dict[str, str], param: str
) -> None:
    """And nothing is kept."""
    assert refusal(upload(http, TEXT, **fields))[:2] == (400, param)
    assert files_in(folder) == []


def test_a_field_that_nobody_knows_changes_nothing(http: FlaskClient) -> None:
    """As everywhere."""
    assert upload(http, something="else").status_code == 200


FILE, PURPOSE = Part("file", TEXT, "in.jsonl"), Part("purpose", "batch")


@pytest.mark.parametrize(
    ("parts", "param"),
    [
        ([FILE], "purpose"),
        ([PURPOSE], "file"),
        ([], "file"),
        ([PURPOSE, Part("file", "its text")], "file"),
        ([PURPOSE, FILE, FILE], "file"),
        ([PURPOSE, FILE, Part("more", TEXT, "more.jsonl")], "file"),
        ([PURPOSE, FILE, Part("purpose", "vision")], "purpose"),
        ([PURPOSE, Part("file", TEXT, "")], "file"),
        ([PURPOSE, Part("file", TEXT, "a/")], "file"),
        ([PURPOSE, Part("file", TEXT, "\t")], "file"),
        ([Part(f"field-{number}", "x") for number in range(101)], None),
    ],
    ids=str,
)
def test_a_wrong_form_is_a_400_that_names_what_is_wrong(
    http: FlaskClient, folder: Path, parts: list[Part], param: str | None
) -> None:
    """Something is missing, twice, or not what it should be; and nothing is kept."""
    assert refusal(send(http, *parts))[:2] == (400, param)
    assert files_in(folder) == []


def test_the_parts_may_come_in_any_order(http: FlaskClient) -> None:
    """The purpose after the file, also where it decides how large that may be."""
    assert send(http, FILE, PURPOSE).json["bytes"] == len(TEXT)
    large = Part("file", b"x" * (BATCH_LIMIT_BYTES + 1), "in.jsonl")
    assert send(http, large, PURPOSE).status_code == 413
    assert send(http, large, Part("purpose", "vision")).status_code == 200


@pytest.mark.parametrize(
    "kind",
    [
        *("application/json", "text/plain", "application/x-www-form-urlencoded", None),
        *("multipart/form-data", "multipart/form-data; boundary=é", "multipart/mixed; boundary=x"),
    ],
)
def test_another_kind_of_body_is_a_400_that_says_which_is_read(
    http: FlaskClient, kind: str | None
) -> None:
    """JSON most of all."""
    status, param, message = refusal(http.post(URL, data=b'{"file": "x"}', content_type=kind))
    assert (status, param) == (400, "file")
    assert "multipart/form-data" in message


def test_a_filename_is_the_last_part_of_a_path(http: FlaskClient) -> None:
    """Whatever slashes it has; a long one is cut."""
    assert upload(http, filename="../../etc/passwd").json["filename"] == "passwd"
    assert upload(http, filename=r"C:\\mine\\in.jsonl").json["filename"] == "in.jsonl"
    assert upload(http, filename="x" * 1_000).json["filename"] == "x" * 255


@pytest.mark.parametrize(
    ("purpose", "limit"), [("batch", BATCH_LIMIT_BYTES), ("vision", LIMIT_BYTES)]
)
def test_a_file_may_have_as_many_bytes_as_its_purpose_allows(
    http: FlaskClient, folder: Path, purpose: str, limit: int
) -> None:
    """One more is a 413 that says how many, and nothing is kept of it."""
    status, param, message = refusal(upload(http, b"x" * (limit + 1), purpose=purpose))
    assert (status, param) == (413, "file")
    assert str(limit) in message
    assert files_in(folder) == []
    assert upload(http, b"x" * limit, purpose=purpose).json["bytes"] == limit


def test_a_body_that_can_hold_no_such_file_is_not_read_as_a_form(http: FlaskClient) -> None:
    """Its announced length is enough."""
    response = http.post(
        URL,
        data=b"x" * (LIMIT_BYTES + 2_000_000),
        content_type="multipart/form-data; boundary=x",
    )
    assert refusal(response)[:2] == (413, "file")


def test_other_routes_keep_their_own_limit(http: FlaskClient) -> None:
    """Only files may be large."""
    assert http.post("/v1/embeddings", data=b"x" * 200_000).status_code == 413
    assert upload(http, b"x" * 200_000).status_code == 200


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_paging_gives_every_file_once(http: FlaskClient, place: Files, order: str) -> None:
    """In the order of their making, or the other way round."""
    ids = [add(place).id for _ in range(450)]
    found, query = [], {"order": order, "limit": "70"}
    while True:
        page: Any = http.get(URL, query_string=query).json
        found += [each["id"] for each in page["data"]]
        assert (page["first_id"], page["last_id"]) == (found[-len(page["data"])], found[-1])
        if not page["has_more"]:
            break
        query["after"] = page["last_id"]
    assert found == sorted(ids, reverse=order == "desc")
    assert [each["id"] for each in _data(http, "")] == sorted(ids, reverse=True)


def test_a_list_of_one_purpose_has_no_other(http: FlaskClient, place: Files) -> None:
    """Also that of outputs, which no client may state."""
    for purpose in ("batch", "vision", "batch_output"):
        made = [add(place, purpose=purpose).id for _ in range(3)]
        assert [each["id"] for each in _data(http, f"?purpose={purpose}&order=asc")] == sorted(made)
    assert len(_data(http, "")) == 9


@pytest.mark.parametrize(
    ("query", "param"),
    [
        *(("limit=0", "limit"), ("limit=10001", "limit"), ("limit=x", "limit")),
        *(("order=up", "order"), ("after=file-1", "after"), ("after=", "after")),
        *(("purpose=mine", "purpose"), ("purpose=", "purpose"), ("limit=" + "9" * 5_000, "limit")),
    ],
)
def test_a_wrong_list_is_a_400_that_names_what_is_wrong(
    http: FlaskClient, query: str, param: str
) -> None:
    """With what would be right."""
    assert refusal(http.get(f"{URL}?{query}"))[:2] == (400, param)


def test_another_owners_file_is_unknown(http: FlaskClient, place: Files) -> None:
    """By every route; and it stays."""
    theirs = add(place, owner="them")
    for call in (http.get, http.delete):
        assert refusal(call(f"{URL}/{theirs.id}"))[:2] == (404, "file_id")
    assert refusal(http.get(f"{URL}/{theirs.id}/content"))[:2] == (404, "file_id")
    assert refusal(http.get(f"{URL}?after={theirs.id}"))[:2] == (400, "after")
    assert _data(http, "") == []
    assert place.register.find(theirs.id, "them") == theirs


def _data(http: FlaskClient, query: str) -> list[dict[str, Any]]:
    page: Any = http.get(URL + query).json
    data: list[dict[str, Any]] = page["data"]
    return data
