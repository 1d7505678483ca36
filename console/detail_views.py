"""The view of one job: its bookkeeping line by line, and its text for who asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from rich.table import Table

from console.detail import Detail, Lease
from console.job_views import ran_s
from console.requests import Line, content, sizes
from console.screen import state_text, two_columns
from console.wording import clean, counted, moment, span
from tasks.errors import InvalidJob
from tasks.events import Done, Failed
from tasks.records import Record

_NEWER = "written by a newer release, which this one cannot read"


def detail_table(detail: Detail) -> Table:
    """Two columns: what, and how it stands. No text of the client's, none of an answer."""
    grid = two_columns()
    grid.add_row("id", detail.record.id)
    state = state_text(detail.record.state)
    grid.add_row("state", state.append(", asked to stop") if detail.record.cancelling else state)
    for name, text in [*_identity(detail), *_times(detail), *_holding(detail), *_ending(detail)]:
        grid.add_row(name, clean(text))
    if detail.job is None:
        grid.add_row("request", _NEWER)
    else:
        for name, text in sizes(detail.job, detail.now_s):
            grid.add_row(name, clean(text))
    return grid


def content_table(detail: Detail) -> Table:
    """What the client wrote, and what an error quotes of it."""
    grid = two_columns()
    if detail.job is None:
        grid.add_row("request", _NEWER)
    else:
        for name, text in content(detail.job):
            grid.add_row(clean(name), clean(text))
    if isinstance(detail.end, Failed):
        grid.add_row("error", clean(detail.end.message))
    return grid


def _identity(detail: Detail) -> Iterator[Line]:
    record = detail.record
    yield "kind", record.kind
    yield "model", record.model
    yield "queue", record.queue
    yield "owner", record.owner
    yield "priority", record.priority.name.lower()
    if detail.position is not None:
        yield "position", str(detail.position)
    yield "attempt", str(record.attempt)
    yield "strikes", str(record.strikes)
    kept = "" if detail.has_log or not record.last_seq else ", no longer kept"
    yield "events", f"{record.last_seq:,}{kept}"


def _times(detail: Detail) -> Iterator[Line]:
    record, now_s = detail.record, detail.now_s
    yield "accepted", moment(record.accepted_s, now_s)
    if record.started_s is not None:
        waited = span(record.started_s - record.accepted_s)
        yield "started", f"{moment(record.started_s, now_s)}, waited {waited}"
    if record.finished_s is not None:
        yield "ended", f"{moment(record.finished_s, now_s)}, ran {span(ran_s(record, now_s))}"
    if detail.kept_s is not None and detail.has_log:
        yield "kept for", span(detail.kept_s)


def _holding(detail: Detail) -> Iterator[Line]:
    if detail.lease is not None:
        yield "lease", _lease(detail.lease)
        yield "worker", _worker(detail.lease)
    if not detail.record.final:
        yield "listener", _listener(detail)


def _lease(lease: Lease) -> str:
    if lease.left_s is None or lease.age_s is None:
        return "none"
    if lease.left_s < 0:
        return f"ended {span(-lease.left_s)} ago: the keeper returns the job to the queue"
    return f"renewed {span(lease.age_s)} ago, ends in {span(lease.left_s)}"


def _worker(lease: Lease) -> str:
    if lease.worker is None:
        return f"{lease.holder or 'nobody'}, which does not report"
    if lease.worker.gone:
        return f"{lease.holder}, whose process has ended"
    reported = span(lease.report_age_s)
    return f"{lease.holder} (pid {lease.worker.pid}), {lease.worker.state}, reported {reported} ago"


def _listener(detail: Detail) -> str:
    if not detail.record.listen_s:
        return "needs none"
    if detail.listener_left_s is None:
        return "none any more"
    if detail.listener_left_s < 0:
        return f"lost {span(-detail.listener_left_s)} ago: the keeper cancels the job"
    return f"must give a sign within {span(detail.listener_left_s)}"


def _ending(detail: Detail) -> Iterator[Line]:
    match detail.end:
        case Done(usage=usage):
            cached = f" ({usage.cached_tokens:,} of them cached)" if usage.cached_tokens else ""
            yield "took in", f"{counted(usage.prompt_tokens, 'token')}{cached}"
            yield "gave out", counted(usage.completion_tokens, "token")
        case Failed(code=code, message=message) as failed:
            # What is wrong with a request may be told in the request's own words.
            quotes = isinstance(failed.error(), InvalidJob)
            yield "error", code if quotes else f"{code}: {message}"
    if detail.record.webhook_url:
        yield "webhook", _webhook(detail.record)


def _webhook(record: Record) -> str:
    # Secrets go into a URL's query, or before its host.
    parts = urlsplit(record.webhook_url)
    address = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
    tries = counted(record.webhook_tries, "try", "tries")
    return f"{address}, {tries}{f', {record.webhook_said}' if record.webhook_said else ''}"
