"""The batch object, as the official client reads it."""

from __future__ import annotations

import json
from typing import Any

from openai.types import Batch

from app.batches.book import BatchPage
from app.batches.record import BatchRecord, LineError
from app.openai.batch_body import batch_body, batch_list_body
from tests.app.batches.lines_by_hand import order_for


def read(**fields: Any) -> Batch:
    """The batch object of a record with these fields."""
    least: dict[str, Any] = {"order": order_for(), "status": "validating"}
    record = BatchRecord(**(least | fields))
    return Batch.model_validate_json(batch_body(record), strict=True)


def test_a_new_batch_has_nulls_where_nothing_happened_yet() -> None:
    """Every field of OpenAI's object is there, and no other."""
    record = BatchRecord(order=order_for(), status="validating")
    body = json.loads(batch_body(record))
    assert set(body) == set(Batch.model_fields)
    assert {key for key, value in body.items() if value is None} == {
        *("model", "errors", "output_file_id", "error_file_id", "in_progress_at", "metadata"),
        *("finalizing_at", "completed_at", "failed_at", "expired_at"),
        *("cancelling_at", "cancelled_at"),
    }


def test_what_was_ordered_is_told() -> None:
    """As it was given."""
    batch = read(order=order_for(metadata={"a": "b"}))
    assert (batch.id, batch.object, batch.endpoint) == ("batch_1", "batch", "/v1/chat/completions")
    assert (batch.input_file_id, batch.completion_window) == ("file-1", "24h")
    assert (batch.created_at, batch.expires_at, batch.metadata) == (1_000, 87_400, {"a": "b"})


def test_what_has_become_of_it_is_told() -> None:
    """Each time under its own name."""
    times = {
        name: number
        for number, name in enumerate(
            (
                *("in_progress_at", "finalizing_at", "completed_at", "failed_at"),
                *("expired_at", "cancelling_at", "cancelled_at"),
            )
        )
    }
    files = {"output_file_id": "file-o", "error_file_id": "file-e", "model": "echo"}
    batch = read(status="completed", **times, **files)
    assert batch.status == "completed"
    assert {name: getattr(batch, name) for name in times | files} == times | files


def test_counts_and_tokens_are_told() -> None:
    """Tokens by the names that OpenAI's batches have for them."""
    batch = read(
        total=9, completed=5, failed=2, prompt_tokens=7, completion_tokens=4, cached_tokens=3
    )
    assert batch.request_counts
    assert batch.request_counts.to_dict() == {"total": 9, "completed": 5, "failed": 2}
    assert batch.usage
    assert batch.usage.to_dict() == {
        "input_tokens": 7,
        "input_tokens_details": {"cached_tokens": 3},
        "output_tokens": 4,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 11,
    }


def test_errors_of_the_input_are_a_list() -> None:
    """Each with its line, or without."""
    errors = (LineError("empty_file", "It is."), LineError("invalid_value", "No.", 3, "body.n"))
    batch = read(status="failed", errors=errors)
    assert batch.errors
    assert batch.errors.object == "list"
    assert [error.to_dict() for error in batch.errors.data or ()] == [
        {"code": "empty_file", "line": None, "message": "It is.", "param": None},
        {"code": "invalid_value", "line": 3, "message": "No.", "param": "body.n"},
    ]


def test_a_page_names_its_ends() -> None:
    """An empty one has none."""
    records = tuple(
        BatchRecord(order=order_for(id=name), status="validating")
        for name in ("batch_b", "batch_a")
    )
    page = json.loads(batch_list_body(BatchPage(records, True)))
    assert (page["object"], page["first_id"], page["last_id"], page["has_more"]) == (
        *("list", "batch_b", "batch_a"),
        True,
    )
    empty = json.loads(batch_list_body(BatchPage((), False)))
    assert (empty["data"], empty["first_id"], empty["last_id"]) == ([], None, None)
