"""/v1/batches with the official client, on a real Redis; nobody drives the batches here."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from openai import OpenAI

from app import create_app
from app.batches.book import Book
from app.files.record import FileRecord, new_file_id
from app.files.register import Register
from app.settings import ApiSettings
from tasks.connection import Client
from tasks.gateway import Gateway
from tasks.settings import QueueSettings
from tests.app.openai.test_fuzz import ANY, bodies

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()


@pytest.fixture
def api_settings(settings: QueueSettings, tmp_path: Path) -> ApiSettings:
    """A server that signs, and takes small files."""
    changes: dict[str, Any] = {
        "webhook_secret": SECRET,
        "batch_file_limit_bytes": 1_000,
        "files_url": str(tmp_path / "files"),
    }
    return ApiSettings.model_validate(settings.model_dump() | changes)


@pytest.fixture
def web(api_settings: ApiSettings, gateway: Gateway) -> FlaskClient:
    """A client of the application."""
    return create_app(api_settings, gateway).test_client()


@pytest.fixture
def official(api_settings: ApiSettings, gateway: Gateway) -> Iterator[OpenAI]:
    """OpenAI's client of the application, which tries nothing twice."""
    transport = httpx2.WSGITransport(create_app(api_settings, gateway))
    with OpenAI(
        api_key="none",
        base_url="http://millrace/v1",
        http_client=httpx2.Client(transport=transport),
        max_retries=0,
    ) as client:
        yield client


@pytest.fixture
def register(client: Client, settings: QueueSettings) -> Register:
    """The register of files."""
    return Register(client, settings)


@pytest.fixture
def book(client: Client, settings: QueueSettings) -> Book:
    """The book of batches."""
    return Book(client, settings)


def uploaded(register: Register, **changes: Any) -> FileRecord:
    """A file that a client uploaded."""
    file_id = new_file_id()
    fields: dict[str, Any] = {
        "id": file_id,
        "owner": "local",
        "filename": "in.jsonl",
        "purpose": "batch",
        "bytes": 1_000,
        "created_at": 1,
        "blob": f"uploads/{file_id}",
    }
    record = FileRecord(**(fields | changes))
    register.add(record)
    return record


def make(official: OpenAI, file_id: str, **changes: Any) -> openai.types.Batch:
    """A batch over this file."""
    fields: dict[str, Any] = {
        "input_file_id": file_id,
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
    }
    return official.batches.create(**(fields | changes))


def refused(official: OpenAI, file_id: str, **changes: Any) -> openai.BadRequestError:
    """What is said to a batch that is none."""
    with pytest.raises(openai.BadRequestError) as caught:
        make(official, file_id, **changes)
    return caught.value


def test_a_batch_is_made_and_read(official: OpenAI, register: Register) -> None:
    """It waits to be looked at, for as long as its window."""
    file = uploaded(register)
    made = make(official, file.id, metadata={"night": "1"})
    assert (made.status, made.object, made.input_file_id) == ("validating", "batch", file.id)
    assert made.id.startswith("batch_")
    assert (made.expires_at or 0) - made.created_at == 86_400
    assert made.metadata == {"night": "1"}
    assert official.batches.retrieve(made.id) == made


def test_an_upload_of_the_official_client_is_an_input(official: OpenAI, book: Book) -> None:
    """The bytes stay for the batch when the file is deleted, as its record says."""
    file = official.files.create(file=("in.jsonl", b"{}\n"), purpose="batch")
    batch_id = make(official, file.id).id
    official.files.delete(file.id)
    assert official.batches.retrieve(batch_id).input_file_id == file.id
    blob = book.find(batch_id, "local").order.input_blob
    assert blob.endswith(file.id)
    refused(official, file.id)


def test_what_the_driver_needs_is_in_the_book(
    official: OpenAI, register: Register, book: Book, api_settings: ApiSettings
) -> None:
    """Whom to tell, where the bytes are, and how long the outputs are kept."""
    file = uploaded(register)
    expiry: Any = {"anchor": "created_at", "seconds": 7_200}
    url = "https://example.com/hook"
    made = make(official, file.id, output_expires_after=expiry, extra_body={"webhook_url": url})
    order = book.find(made.id, "local").order
    assert (order.webhook_url, order.input_blob, order.output_ttl_s) == (url, file.blob, 7_200)
    plain = book.find(make(official, file.id).id, "local").order
    assert (plain.webhook_url, plain.output_ttl_s) == ("", api_settings.batch_ttl_s)
    assert book.open() == [made.id, plain.id]


@pytest.mark.parametrize("what", ["never", "deleted", "anothers"])
def test_an_input_that_is_not_there_is_a_400(
    official: OpenAI, register: Register, what: str
) -> None:
    """Never uploaded, deleted, or another owner's: all the same."""
    file = uploaded(register, owner="somebody" if what == "anothers" else "local")
    if what == "deleted":
        register.delete(file)
    error = refused(official, "file-nothing" if what == "never" else file.id)
    assert (error.param, error.code) == ("input_file_id", "file_not_found")


def test_an_input_of_another_purpose_is_refused(official: OpenAI, register: Register) -> None:
    """With what to do about it."""
    error = refused(official, uploaded(register, purpose="user_data").id)
    assert (error.param, error.code) == ("input_file_id", "invalid_file_purpose")
    assert "user_data" in error.message


def test_an_input_that_is_too_large_is_refused(official: OpenAI, register: Register) -> None:
    """It may have been uploaded when the limit was another."""
    error = refused(official, uploaded(register, bytes=1_001).id)
    assert (error.param, error.code) == ("input_file_id", "file_too_large")


def test_a_webhook_that_may_not_be_called_is_refused(official: OpenAI, register: Register) -> None:
    """As those of jobs are."""
    body = {"webhook_url": "http://127.0.0.1/hook"}
    error = refused(official, uploaded(register).id, extra_body=body)
    assert error.param == "webhook_url"


def test_a_server_without_secret_says_where_to_ask(http: FlaskClient, register: Register) -> None:
    """Nothing can be signed; the batch can be polled."""
    body = {
        "input_file_id": uploaded(register).id,
        "endpoint": "/v1/embeddings",
        "completion_window": "24h",
        "webhook_url": "https://example.com",
    }
    answer: Any = http.post("/v1/batches", json=body)
    assert answer.status_code == 400
    assert "/v1/batches/{id}" in answer.json["error"]["message"]


def test_nothing_is_made_by_a_refusal(official: OpenAI, register: Register, book: Book) -> None:
    """Neither a batch nor a use of the input."""
    refused(official, uploaded(register, purpose="user_data").id)
    assert book.open() == []
    assert official.batches.list().data == []


def test_pages_have_every_batch_newest_first(official: OpenAI, register: Register) -> None:
    """The client goes from page to page by itself."""
    file = uploaded(register)
    ids = [make(official, file.id).id for _ in range(7)]
    page = official.batches.list(limit=3)
    assert [batch.id for batch in page.data] == sorted(ids, reverse=True)[:3]
    assert page.has_more
    assert [batch.id for batch in official.batches.list(limit=3)] == sorted(ids, reverse=True)


def test_a_page_after_nothing_is_a_400(official: OpenAI) -> None:
    """It would look like the end of the list."""
    with pytest.raises(openai.BadRequestError) as caught:
        official.batches.list(after="batch_nothing")
    assert caught.value.param == "after"


def test_a_batch_that_is_not_there_is_a_404(official: OpenAI) -> None:
    """To read and to cancel."""
    for ask in (official.batches.retrieve, official.batches.cancel):
        with pytest.raises(openai.NotFoundError) as caught:
            ask("batch_nothing")
        assert (caught.value.code, caught.value.param) == ("batch_not_found", "batch_id")


def test_a_batch_of_another_owner_is_not_there(
    official: OpenAI, register: Register, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not to read, to cancel, to list or to go on after."""
    batch_id = make(official, uploaded(register).id).id
    monkeypatch.setattr("app.routes.batches.asking_owner", lambda: "somebody else")
    for ask in (official.batches.retrieve, official.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(batch_id)
    assert official.batches.list().data == []
    with pytest.raises(openai.BadRequestError):
        official.batches.list(after=batch_id)
    assert book.find(batch_id, "local").status == "validating"


def test_a_batch_is_cancelled(official: OpenAI, register: Register) -> None:
    """Its driver ends it; until then it is being cancelled, however often that is asked."""
    batch_id = make(official, uploaded(register).id).id
    cancelled = official.batches.cancel(batch_id)
    assert cancelled.status == "cancelling"
    assert cancelled.cancelling_at
    assert official.batches.cancel(batch_id) == cancelled


def test_a_batch_that_has_ended_cannot_be_cancelled(
    official: OpenAI, web: FlaskClient, register: Register, book: Book
) -> None:
    """Clients are told not to try a 409 again."""
    batch_id = make(official, uploaded(register).id).id
    book.advance(book.take(batch_id), "failed", forget_at_s=2_000_000_000, failed_at=5)
    answer: Any = web.post(f"/v1/batches/{batch_id}/cancel")
    assert (answer.status_code, answer.json["error"]["code"]) == (409, "batch_ended")
    assert answer.headers["x-should-retry"] == "false"


FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "input_file_id": st.just("INPUT"),
    "endpoint": st.sampled_from(["/v1/embeddings", "/v1/completions"]),
    "completion_window": st.sampled_from(["24h", "1s"]),
    "metadata": st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=2),
    "output_expires_after": st.just({"anchor": "created_at", "seconds": 3_600}),
    "webhook_url": st.just("https://example.com"),
}
few = examples(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))


@few
@given(body=bodies(FIELDS, ("input_file_id", "endpoint", "completion_window")))
def test_no_body_is_a_fault_of_the_server(
    web: FlaskClient, register: Register, body: dict[str, Any]
) -> None:
    """Every field and any value in one of them: made or refused."""
    text = json.dumps(body).replace("INPUT", uploaded(register).id)
    assert web.post("/v1/batches", data=text).status_code in (200, 400)


@few
@given(body=ANY.map(json.dumps).map(str.encode) | st.binary())
def test_no_bytes_are_a_fault_of_the_server(web: FlaskClient, body: bytes) -> None:
    """Any JSON and anything else is refused."""
    assert web.post("/v1/batches", data=body).status_code == 400


@few
@given(batch_id=st.text(min_size=1), after=st.text(), limit=st.text())
def test_no_name_is_a_fault_of_the_server(
    web: FlaskClient, batch_id: str, after: str, limit: str
) -> None:
    """Of a batch, or in a query."""
    name = batch_id.encode("utf-8", "ignore").decode().replace("/", "")
    assert web.get(f"/v1/batches/batch_{name}").status_code < 500
    query = {"after": after.encode("utf-8", "ignore").decode()}
    assert web.get("/v1/batches", query_string=query).status_code < 500
    limits = {"limit": limit.encode("utf-8", "ignore").decode()}
    assert web.get("/v1/batches", query_string=limits).status_code < 500
