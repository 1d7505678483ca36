"""One job, read whole: its record, its request, who holds it, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass

from console.place import Place
from tasks.connection import Client
from tasks.errors import UnknownJob, UnsupportedVersion
from tasks.events import Done, Event, Failed, Terminal
from tasks.jobs import Job
from tasks.records import Record
from tasks.roster import Report


@dataclass(frozen=True, slots=True)
class Lease:
    """A worker's hold on a running job. ``worker`` is its last report, while there is one.

    The ages are those of the last renewal and of the last report; a negative ``left_s`` is the
    time since the lease ended.
    """

    holder: str
    left_s: float | None
    age_s: float | None
    worker: Report | None
    report_age_s: float | None


@dataclass(frozen=True, slots=True)
class Detail:
    """What ``millrace jobs show`` tells. ``job`` is None when a newer release wrote it.

    ``listener_left_s`` is when the job is cancelled unless a listener gives a sign (None: nobody
    has to); ``kept_s`` is when an ended job's result is forgotten.
    """

    record: Record
    now_s: float
    job: Job | None
    position: int | None
    lease: Lease | None
    listener_left_s: float | None
    kept_s: float | None
    has_log: bool
    end: Terminal | None


def read_detail(place: Place, job_id: str) -> Detail:
    """Everything about one job; ``UnknownJob`` when there is none."""
    records, keys, client = place.records, place.ledger.keys, place.ledger.redis
    record = records.find(job_id, None)
    now_s = records.now_s()
    return Detail(
        record=record,
        now_s=now_s,
        job=read_job(place, job_id),
        position=records.position(record) if record.state == "queued" else None,
        lease=_lease(place, record, now_s) if record.state == "running" else None,
        listener_left_s=_left_s(client, keys.listeners, job_id, now_s),
        kept_s=None if record.expires_s is None else record.expires_s - now_s,
        has_log=records.has_log(job_id),
        end=_end(records.log(job_id, after=record.last_seq - 1)) if record.final else None,
    )


def read_job(place: Place, job_id: str) -> Job | None:
    """What was asked for; None when this release cannot read it, or it was just forgotten."""
    try:
        return place.records.job(job_id)
    except (UnsupportedVersion, UnknownJob):
        return None


def _lease(place: Place, record: Record, now_s: float) -> Lease:
    keys, client, settings = place.ledger.keys, place.ledger.redis, place.settings
    holder = (client.hget(keys.job(record.id), "holder") or b"").decode()
    left_s = _left_s(client, keys.running(record.queue), record.id, now_s)
    lease_age_s = None if left_s is None else settings.lease_s - left_s
    worker = place.roster.all_workers(record.queue).get(holder)
    if worker is None:
        return Lease(holder, left_s, lease_age_s, None, None)
    # A report holds for four renewals.
    reported_s = worker.expires_ms / 1000 - settings.lease_renew_s * 4
    return Lease(holder, left_s, lease_age_s, worker, now_s - reported_s)


def _left_s(client: Client, key: str, job_id: str, now_s: float) -> float | None:
    end_ms = client.zscore(key, job_id)
    return None if end_ms is None else float(end_ms) / 1000 - now_s


def _end(log: list[tuple[int, Event]]) -> Terminal | None:
    last = log[-1][1] if log else None
    return last if isinstance(last, Done | Failed) else None
