"""A batch's record to OpenAI's batch object, and to lists of them. What does not apply is null."""

from __future__ import annotations

import msgspec

from app.batches.book import BatchPage
from app.batches.record import BatchRecord, LineError, Status

_encode = msgspec.json.Encoder().encode


class _Error(msgspec.Struct, frozen=True):
    code: str
    line: int | None
    message: str
    param: str | None


class _Errors(msgspec.Struct, frozen=True, tag_field="object", tag="list"):
    data: list[_Error]


class _Counts(msgspec.Struct, frozen=True):
    total: int
    completed: int
    failed: int


class _InputDetails(msgspec.Struct, frozen=True):
    cached_tokens: int


class _OutputDetails(msgspec.Struct, frozen=True):
    # No model's thoughts are told apart from its answer here.
    reasoning_tokens: int = 0


class _Usage(msgspec.Struct, frozen=True):
    input_tokens: int
    input_tokens_details: _InputDetails
    output_tokens: int
    output_tokens_details: _OutputDetails
    total_tokens: int


class BatchBody(msgspec.Struct, frozen=True, tag_field="object", tag="batch", kw_only=True):
    """The batch object. Times are whole seconds since the epoch."""

    id: str
    endpoint: str
    model: str | None
    errors: _Errors | None
    input_file_id: str
    completion_window: str
    status: Status
    output_file_id: str | None
    error_file_id: str | None
    created_at: int
    in_progress_at: int | None
    expires_at: int
    finalizing_at: int | None
    completed_at: int | None
    failed_at: int | None
    expired_at: int | None
    cancelling_at: int | None
    cancelled_at: int | None
    request_counts: _Counts
    usage: _Usage
    metadata: dict[str, str] | None


class BatchList(msgspec.Struct, frozen=True, tag_field="object", tag="list"):
    """One page of batches; ``last_id`` is what the next one follows."""

    data: list[BatchBody]
    first_id: str | None
    last_id: str | None
    has_more: bool


def batch_body(record: BatchRecord) -> bytes:
    """The batch object."""
    return _encode(_body(record))


def batch_list_body(page: BatchPage) -> bytes:
    """One page of batches; ``last_id`` is what the next one follows."""
    data = [_body(record) for record in page.batches]
    first, last = (data[0].id, data[-1].id) if data else (None, None)
    return _encode(BatchList(data, first, last, page.has_more))


def _body(record: BatchRecord) -> BatchBody:
    order = record.order
    return BatchBody(
        id=record.id,
        endpoint=order.endpoint,
        model=record.model or None,
        errors=_errors(record.errors),
        input_file_id=order.input_file_id,
        completion_window=order.completion_window,
        status=record.status,
        output_file_id=record.output_file_id,
        error_file_id=record.error_file_id,
        created_at=order.created_at,
        in_progress_at=record.in_progress_at,
        expires_at=order.expires_at,
        finalizing_at=record.finalizing_at,
        completed_at=record.completed_at,
        failed_at=record.failed_at,
        expired_at=record.expired_at,
        cancelling_at=record.cancelling_at,
        cancelled_at=record.cancelled_at,
        request_counts=_Counts(record.total, record.completed, record.failed),
        usage=_usage(record),
        metadata=order.metadata or None,
    )


def _errors(errors: tuple[LineError, ...]) -> _Errors | None:
    if not errors:
        return None
    return _Errors([_Error(each.code, each.line, each.message, each.param) for each in errors])


def _usage(record: BatchRecord) -> _Usage:
    taken, given = record.prompt_tokens, record.completion_tokens
    details = _InputDetails(record.cached_tokens)
    return _Usage(taken, details, given, _OutputDetails(), taken + given)
