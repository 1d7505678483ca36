"""Records: reading what the ledger knows of jobs and queues. Nothing is changed from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from tasks import events, jobs, scripts
from tasks.claims import FINAL, State
from tasks.connection import Client, now_ms
from tasks.errors import UnknownJob
from tasks.events import Event
from tasks.jobs import Job, Priority
from tasks.keys import Keys
from tasks.settings import QueueSettings

_FIELDS = (
    *("queue", "kind", "model", "owner", "state", "priority", "attempt", "strikes", "last_seq"),
    *("created_ms", "accepted_ms", "started_ms", "finished_ms", "listen_ms", "resume_ms"),
    *("keep_s", "cancel", "webhook", "webhook_tries", "webhook_said", "metadata"),
)
_NAMES = ("queue", "kind", "model", "owner", "state")
_NUMBERS = ("attempt", "strikes", "last_seq")
_TIMES = ("created", "accepted", "started", "finished")
# Most entries of an index looked at in one call: a few milliseconds of Redis's time.
_STRETCH = 1_000


@dataclass(frozen=True, slots=True)
class Record:
    """A job's bookkeeping, without its content. Times are seconds since the epoch, by Redis.

    ``listen_s`` is how long the job outlives its last listener (0: it needs none), ``resume_s``
    how long a client that left may take to come back. ``keep_s`` after its end the result is
    forgotten.
    """

    id: str
    queue: str
    kind: str
    model: str
    owner: str
    state: State
    priority: Priority
    attempt: int
    strikes: int
    last_seq: int
    created_s: float
    accepted_s: float
    started_s: float | None
    finished_s: float | None
    listen_s: float
    resume_s: float
    keep_s: int
    cancelling: bool
    webhook_url: str
    webhook_tries: int
    webhook_said: str
    metadata: Mapping[str, str]

    @property
    def expires_s(self) -> float | None:
        """When its result is forgotten; None before its end."""
        return None if self.finished_s is None else self.finished_s + self.keep_s

    @property
    def final(self) -> bool:
        """Whether the job has ended."""
        return self.state in FINAL


@dataclass(frozen=True, slots=True)
class QueueDepths:
    """One queue: jobs waiting by priority (continuations of interrupted ones apart), and running.

    ``oldest_s`` is the age of the one that has waited longest among those next in line;
    ``ended_per_s`` counts of late.
    """

    queue: str
    resuming: int
    waiting: tuple[int, int, int]
    running: int
    tickets: int
    oldest_s: float | None
    ended_per_s: float

    @property
    def depth(self) -> int:
        """All that wait."""
        return self.resuming + sum(self.waiting)


@dataclass(frozen=True, slots=True)
class Page:
    """Some of an owner's jobs, and whether there are more."""

    records: tuple[Record, ...]
    has_more: bool


class Records:
    """The reading side of the ledger. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)
        self._scripts = {
            name: scripts.load(client, name) for name in ("page", "position", "depths")
        }

    def find(self, job_id: str, owner: str | None) -> Record:
        """The job's record; ``UnknownJob`` when there is none, or it is not ``owner``'s.

        None for ``owner`` stands for whoever runs the place.
        """
        [record] = self.many([job_id])
        if record is None or owner not in (None, record.owner):
            raise UnknownJob(
                f"There is no job {job_id!r}: it never was, or has been forgotten since its end.",
                param="job_id",
            )
        return record

    def many(self, job_ids: Sequence[str]) -> list[Record | None]:
        """The records of these jobs, None for those without one."""
        pipe = self._redis.pipeline(transaction=False)
        for job_id in job_ids:
            pipe.hmget(self._keys.job(job_id), _FIELDS)
        rows = pipe.execute() if job_ids else []
        return [_record(job_id, row) for job_id, row in zip(job_ids, rows, strict=True)]

    def job(self, job_id: str) -> Job:
        """What was asked for; ``UnknownJob``, or ``UnsupportedVersion`` of a newer release's."""
        version, body = self._redis.hmget(self._keys.job(job_id), "version", "body")
        if body is None:
            raise UnknownJob(f"There is no job {job_id!r}.", param="job_id")
        return jobs.decode(body, int(version))

    def log(self, job_id: str, after: int = 0) -> list[tuple[int, Event]]:
        """The job's events with a sequence number above ``after``, in order."""
        entries = self._redis.xrange(self._keys.log(job_id), min=f"({after}-0" if after else "-")
        return [(int(entry.split(b"-")[0]), events.decode(row[b"e"])) for entry, row in entries]

    def has_log(self, job_id: str) -> bool:
        """Whether the job's events can be read (again)."""
        return bool(self._redis.exists(self._keys.log(job_id)))

    def page(
        self,
        owner: str,
        *,
        limit: int,
        after: str | None = None,
        newest_first: bool = True,
        state: State | None = None,
        model: str | None = None,
    ) -> Page:
        """At most ``limit`` of an owner's jobs that follow ``after``, of one state or model."""
        bound = after or ("+" if newest_first else "-")
        ids: list[str] = []
        while len(ids) <= limit:
            more, *found = self._scripts["page"](
                [self._keys.index(owner), self._keys.job("")],
                [bound, int(newest_first), state or "", model or "", limit + 1, _STRETCH],
            )
            ids += [cast(bytes, job_id).decode() for job_id in found]
            bound = more.decode()
            if not bound:
                break
        records = [record for record in self.many(ids[:limit]) if record is not None]
        return Page(tuple(records), len(ids) > limit)

    def position(self, record: Record) -> int | None:
        """How many jobs are to be claimed up to this one, as things stand; None unless it waits.

        1 is next. Jobs that arrive later may still go first, and ageing may change the order.
        """
        place = self._scripts["position"](
            [self._keys.waiting(record.queue)], [record.id, int(record.priority)]
        )
        return int(place) or None

    def queues(self) -> list[QueueDepths]:
        """Every queue that ever took a job, by name."""
        names = sorted(name.decode() for name in self._redis.smembers(self._keys.queues))
        return [self.queue(name) for name in names]

    def queue(self, queue: str) -> QueueDepths:
        """How much waits in one queue, and for how long."""
        keys = self._keys
        found = self._scripts["depths"](
            [keys.waiting(queue), keys.running(queue), queue, keys.paces, keys.job("")], [queue]
        )
        resuming, first, second, third, running, tickets, oldest_ms = map(int, found[:7])
        oldest_s = None if oldest_ms < 0 else oldest_ms / 1000
        waiting = (first, second, third)
        return QueueDepths(queue, resuming, waiting, running, tickets, oldest_s, float(found[7]))

    def dead_letters(self, limit: int) -> list[Record]:
        """The latest dead letters, newest first."""
        ids = [job_id.decode() for job_id in self._redis.zrevrange(self._keys.dead, 0, limit - 1)]
        return [record for record in self.many(ids) if record is not None]

    def now_s(self) -> float:
        """Redis's clock, which the records' times are by."""
        return now_ms(self._redis) / 1000


def _record(job_id: str, row: Sequence[bytes | None]) -> Record | None:
    given: dict[str, str] = {
        name: value.decode() for name, value in zip(_FIELDS, row, strict=True) if value is not None
    }
    if "state" not in given:
        return None
    fields: dict[str, Any] = {name: given[name] for name in _NAMES}
    fields |= {name: int(given[name]) for name in _NUMBERS}
    fields |= {f"{name}_s": _seconds(given.get(f"{name}_ms")) for name in _TIMES}
    return Record(
        id=job_id,
        priority=Priority(int(given["priority"])),
        listen_s=_seconds(given.get("listen_ms")) or 0.0,
        resume_s=_seconds(given.get("resume_ms")) or 0.0,
        keep_s=int(given.get("keep_s", 3600)),
        cancelling="cancel" in given and given["state"] not in FINAL,
        webhook_url=given.get("webhook", ""),
        webhook_tries=int(given.get("webhook_tries", 0)),
        webhook_said=given.get("webhook_said", ""),
        metadata=msgspec.json.decode(given.get("metadata", "{}"), type=dict[str, str]),
        **fields,
    )


def _seconds(stamp_ms: str | None) -> float | None:
    return None if stamp_ms is None else int(stamp_ms) / 1000
