"""The ledger: a job's life, and which waiting job is next.

1. ``accept`` writes the job and its place in the queue; only then is a ticket published.
2. ``claim`` hands the next job to a worker: an attempt number and a lease.
3. ``renew`` keeps the lease; ``append`` logs and publishes events, fenced by the attempt.
4. Exactly one end: ``append`` with a state, ``cancel``, or by the housekeeping (``upkeep``),
   which expires what waited past its deadline and makes dead letters.
5. In between, ``release`` (the worker drains) and the housekeeping (it died) return a job to
   waiting, where it is claimed before any new one and continues from its log.

Every step is one Lua script, so that no death of any process can leave half of it.

Small jobs cost less when a worker takes many at a time (``claim_many``) and is woken without a
ticket. A job may go without one only in these two cases, both seen in the script that accepts it:

1. A worker waits to be woken. It said so in the script that found nothing more to claim, and it
   claims once more before it goes, in a script that takes back what it said: a job is accepted
   either before that claim, which finds it, or after, and gets a ticket.
2. Enough tickets lie in the queue. Each is taken later than now, by a handler that claims until
   nothing waits.

If that worker dies, what it was to claim has no ticket: the reconciler finds it in its next round.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, cast

from redis.exceptions import NoScriptError

from tasks import acceptance, events, scripts
from tasks.claims import FINAL, Accepted, Append, Appended, Claim, Entry, State
from tasks.connection import Client, now_ms
from tasks.errors import JobCancelled, UnknownJob
from tasks.events import Event, Failed
from tasks.jobs import Job
from tasks.keys import Keys
from tasks.settings import QueueSettings
from tasks.terms import Terms

# A waiting job of the next lower priority counts as this much younger than it is. Ageing, not
# strict priority: background work waits at most a minute longer than it would among equals.
AGEING_MS = 60_000
# Events up to this size travel in the channel; larger ones (vectors) are fetched from the log.
INLINE_LIMIT_BYTES = 16_384

CANCELLED = Failed.of(JobCancelled("The job was cancelled."))

__all__ = ["FINAL", "Accepted", "Append", "Appended", "Claim", "Entry", "Ledger", "State"]

SCRIPTS = ("accept", "cancel", "claim", "append", "release", "renew")


class Ledger:
    """The scripts, called with this prefix's keys. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self.redis = client
        self.settings = settings
        self.keys = Keys(settings.key_prefix)
        self._lease_ms = int(settings.lease_s * 1000)
        self._scripts = {name: scripts.load(client, name) for name in SCRIPTS}

    # ---- the accepting side -------------------------------------------------------------

    def accept(self, job: Job, queue: str, terms: Terms | None = None) -> Accepted:
        """Write ``job`` as waiting in ``queue``, unless it was there already.

        Raises ``QueueFull``, ``IdempotencyConflict``, ``AlreadyAsked`` when another job answers
        the same request, ``Shared`` when one computes the same for an equal request, and
        ``RateLimited`` when its API key lets it have no more. Without ``terms`` somebody listens
        and nothing else is agreed.
        """
        terms = terms or Terms.listened(self.settings)
        answer = self._scripts["accept"](
            acceptance.keys_of(self.keys, job, queue, terms),
            acceptance.arguments_of(job, queue, terms),
        )
        return acceptance.outcome(answer, job, terms)

    def cancel(
        self, job_id: str, queue: str, *, unheard: bool = False, leaving: bool = False
    ) -> State | Literal["heard", "shared"]:
        """End a waiting job, or ask a running one to stop; the state it is in now.

        ``unheard``: only if nobody listens to it, and whoever came back a moment ago does.
        ``leaving``: one of those who share it leaves, and it ends with the last of them.
        """
        keys = self.keys
        state = self._scripts["cancel"](
            [keys.job(job_id), keys.log(job_id), keys.waiting(queue), *keys.ending(queue)],
            [
                job_id,
                keys.channel(job_id),
                keys.control(queue),
                events.encode(CANCELLED),
                int(unheard),
                int(leaving),
            ],
        )
        if not state:
            raise UnknownJob(f"There is no job {job_id!r}.")
        return cast(State | Literal["heard", "shared"], cast(bytes, state).decode())

    def listen(self, leases_s: Mapping[str, float], *, shorten: bool = False) -> None:
        """Renew the listeners' leases of jobs that are still open, each for so many seconds.

        A lease that is longer already stays as it is, unless it is to be shortened.
        """
        now = now_ms(self.redis)
        until_ms = {job_id: now + int(lease_s * 1000) for job_id, lease_s in leases_s.items()}
        self.redis.zadd(self.keys.listeners, until_ms, xx=True, gt=not shorten)

    def follow(self, job_id: str) -> None:
        """An open job has another listener beside the client that it was accepted for."""
        self.redis.hset(self.keys.job(job_id), "followed", 1)

    def is_followed(self, job_id: str) -> bool:
        """Whether a job ever had another listener."""
        return bool(self.redis.hexists(self.keys.job(job_id), "followed"))

    def unshare(self) -> None:
        """No request shares a job that was accepted before: equal ones are computed anew."""
        for key in self.redis.scan_iter(self.keys.share("*"), count=1_000):
            self.redis.unlink(key)

    # ---- the working side ---------------------------------------------------------------

    def claim(self, queue: str, holder: str) -> Claim | Literal["none", "later"]:
        """The next job of ``queue`` for ``holder``; "later" when one must run alone first."""
        claims = self.claim_many(queue, holder, 1)
        return claims if isinstance(claims, str) else claims[0]

    def claim_many(
        self,
        queue: str,
        holder: str,
        most: int,
        *,
        most_batch: int | None = None,
        watch_s: float = 0.0,
    ) -> list[Claim] | Literal["none", "later"]:
        """The next jobs of ``queue``, at most so many; one that must run alone comes alone.

        ``most_batch``: of them at most so many new ones of the lowest priority, which wait while
        others go past them.
        ``watch_s``: the caller claims again within this time, or as soon as ``watch`` returns.
        With 0, whoever is accepted from now on gets a ticket.
        """
        keys = self.keys
        answer = self._scripts["claim"](
            [
                keys.waiting(queue),
                keys.running(queue),
                keys.job(""),
                keys.awake(queue),
                keys.wake(queue),
            ],
            [
                holder,
                self._lease_ms,
                AGEING_MS,
                most,
                int(watch_s * 1000),
                most if most_batch is None else most_batch,
            ],
        )
        if answer[0] != b"job":
            return "later" if answer[0] == b"later" else "none"
        return [
            Claim(job_id.decode(), int(attempt), int(last_seq), int(version), body, int(waited))
            for job_id, attempt, last_seq, version, body, waited in zip(
                *[iter(answer[1:])] * 6, strict=True
            )
        ]

    def watch(self, queue: str, timeout_s: float) -> None:
        """Wait until a job is accepted or somebody calls ``wake``, at most so long."""
        self.redis.blpop([self.keys.wake(queue)], timeout=timeout_s)

    def wake(self, queue: str) -> None:
        """End the ``watch`` of a worker of ``queue``."""
        self.redis.lpush(self.keys.wake(queue), 1)

    def look_away(self, queue: str) -> None:
        """Who claimed with ``watch_s`` does not claim soon: jobs get tickets again."""
        self.redis.delete(self.keys.awake(queue))

    def append(self, entries: Sequence[Entry]) -> list[Appended]:
        """Log and publish the entries of many attempts in one round trip; an answer for each."""
        try:
            answers = self._append_all(entries)
        except NoScriptError:
            # A Redis that was restarted has forgotten the script, and nothing was applied.
            self._scripts["append"].sha = self.redis.script_load(self._scripts["append"].script)
            answers = self._append_all(entries)
        return [
            Appended(Append(status), int(last_seq), bool(cancelled))
            for status, last_seq, cancelled in answers
        ]

    def _append_all(self, entries: Sequence[Entry]) -> Any:
        # By its hash, not as a script object: with those a pipeline first asks whether Redis knows
        # them, which would be a second round trip for every step of the engine.
        pipe = self.redis.pipeline(transaction=False)
        for entry in entries:
            pipe.evalsha(self._scripts["append"].sha, *self._append_arguments(entry))
        return pipe.execute()

    def _append_arguments(self, entry: Entry) -> list[Any]:
        keys, claim = self.keys, entry.claim
        named = [keys.job(claim.job_id), keys.log(claim.job_id)]
        if entry.state:
            named += keys.ending(entry.queue)
        return [
            len(named),
            *named,
            claim.job_id,
            keys.channel(claim.job_id),
            claim.attempt,
            entry.first_seq,
            entry.state or "",
            INLINE_LIMIT_BYTES,
            *entry.encoded,
        ]

    def release(self, claim: Claim, queue: str) -> bool:
        """Give a running job back unharmed; False when this attempt no longer holds it."""
        keys, job_id = self.keys, claim.job_id
        return bool(
            self._scripts["release"](
                [keys.job(job_id), keys.log(job_id), keys.waiting(queue), *keys.ending(queue)],
                [job_id, claim.attempt, keys.channel(job_id), events.encode(CANCELLED)],
            )
        )

    def renew(self, queue: str, claims: Sequence[Claim]) -> dict[str, Literal[0, 1, 2]]:
        """Renew leases: per job 1 renewed, 0 lost, 2 renewed and cancelled."""
        if not claims:
            return {}
        flat = [value for claim in claims for value in (claim.job_id, claim.attempt)]
        statuses = self._scripts["renew"](
            [self.keys.running(queue), self.keys.job("")], [self._lease_ms, *flat]
        )
        return {claim.job_id: status for claim, status in zip(claims, statuses, strict=True)}

    # ---- reading (records have more) ----------------------------------------------------

    def waiting(self, queue: str) -> int:
        """How many jobs wait in ``queue``."""
        stem = self.keys.waiting(queue)
        pipe = self.redis.pipeline(transaction=False)
        for part in ("resume", "0", "1", "2"):
            pipe.zcard(f"{stem}:{part}")
        return sum(pipe.execute())

    def state(self, job_id: str) -> State | None:
        """The job's state; None when the ledger has no such job (any more)."""
        state = self.redis.hget(self.keys.job(job_id), "state")
        return cast(State, state.decode()) if state else None

    def queue_of(self, job_id: str) -> str | None:
        """The queue that the job was accepted into."""
        queue = self.redis.hget(self.keys.job(job_id), "queue")
        return queue.decode() if queue else None

    def record(self, job_id: str) -> dict[str, str]:
        """The job's bookkeeping, all fields but its body; empty when there is none."""
        fields = self.redis.hgetall(self.keys.job(job_id))
        return {key.decode(): value.decode() for key, value in fields.items() if key != b"body"}

    def log(self, job_id: str, after: int = 0) -> list[tuple[int, Event]]:
        """The job's events with a sequence number above ``after``, in order."""
        entries = self.redis.xrange(self.keys.log(job_id), min=f"({after}-0" if after else "-")
        return [(int(entry.split(b"-")[0]), events.decode(row[b"e"])) for entry, row in entries]
