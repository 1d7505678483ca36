"""A job's record to JSON: the job object that is answered at once, polled, and listed.

The object is ours. Its ``result`` is the very answer that a client which waited would have got,
its ``error`` and ``usage`` have OpenAI's shapes. What does not apply is left out, never null.
"""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.openai.counts import UsageBody, usage_body
from app.openai.errors import ErrorObject, error_type
from tasks.claims import State
from tasks.errors import TaskError
from tasks.events import Usage
from tasks.records import Page, Record

# The ledger's kinds, called as the endpoints that make them.
KINDS = {"chat": "chat.completion", "complete": "completion", "embed": "embedding"}

_encode = msgspec.json.Encoder().encode


class Urls(msgspec.Struct, frozen=True):
    """Where the job is read, and where its stream goes on."""

    self: str
    events: str


class Webhook(msgspec.Struct, frozen=True):
    """Who is told of the end, how often that was tried, and what came of the last try."""

    url: str
    tries: int
    said: str


class JobBody(msgspec.Struct, frozen=True, tag_field="object", tag="job", kw_only=True):
    """The job object. Times are whole seconds since the epoch.

    ``expires_at`` is when the result is forgotten.
    """

    id: str
    kind: str
    model: str
    state: State
    attempt: int
    position: int | UnsetType = UNSET
    created_at: int
    started_at: int | UnsetType = UNSET
    finished_at: int | UnsetType = UNSET
    expires_at: int | UnsetType = UNSET
    deadline_at: int | UnsetType = UNSET
    cancelling: bool | UnsetType = UNSET
    usage: UsageBody | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: ErrorObject | UnsetType = UNSET
    metadata: dict[str, str] = {}
    webhook: Webhook | UnsetType = UNSET
    urls: Urls


class JobList(msgspec.Struct, frozen=True, tag_field="object", tag="list"):
    """One page of jobs; ``last_id`` is what the next page follows."""

    data: list[JobBody]
    first_id: str | None
    last_id: str | None
    has_more: bool


def render_job(
    record: Record,
    *,
    position: int | None = None,
    usage: Usage | None = None,
    result: bytes | None = None,
    error: TaskError | None = None,
    deadline_at: float | None = None,
) -> bytes:
    """The job object of ``record``; ``result`` is the whole answer as JSON."""
    body = msgspec.structs.replace(
        _bookkeeping(record),
        position=UNSET if position is None else position,
        deadline_at=_whole_seconds(deadline_at),
        usage=UNSET if usage is None else usage_body(usage),
        result=UNSET if result is None else Raw(result),
        error=UNSET if error is None else _error_object(error),
    )
    return _encode(body)


def render_page(page: Page) -> bytes:
    """A list of jobs: what their records say, without what was asked and answered."""
    data = [_bookkeeping(record) for record in page.records]
    first_id, last_id = (data[0].id, data[-1].id) if data else (None, None)
    return _encode(JobList(data, first_id, last_id, page.has_more))


def _bookkeeping(record: Record) -> JobBody:
    url = f"/v1/jobs/{record.id}"
    return JobBody(
        id=record.id,
        kind=KINDS.get(record.kind, record.kind),
        model=record.model,
        state=record.state,
        attempt=record.attempt,
        created_at=int(record.created_s),
        started_at=_whole_seconds(record.started_s),
        finished_at=_whole_seconds(record.finished_s),
        expires_at=_whole_seconds(record.expires_s),
        cancelling=record.cancelling or UNSET,
        metadata=dict(record.metadata),
        webhook=_webhook(record) if record.webhook_url else UNSET,
        urls=Urls(url, f"{url}/events"),
    )


def _webhook(record: Record) -> Webhook:
    # Secrets go into a URL's query, or before its host: the receiver knows them already.
    parts = urlsplit(record.webhook_url)
    host = parts.netloc.rpartition("@")[2]
    url = urlunsplit((parts.scheme, host, parts.path, "", ""))
    return Webhook(url, record.webhook_tries, record.webhook_said)


def _error_object(error: TaskError) -> ErrorObject:
    return ErrorObject(error.message, error_type(error), error.param, error.code)


def _whole_seconds(time_s: float | None) -> int | UnsetType:
    return UNSET if time_s is None else int(time_s)
