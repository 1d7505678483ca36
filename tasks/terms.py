"""Terms: how long a job lives unheard, is kept, and may wait; what else was agreed with its client.

They are settled when the job is accepted, and written into its record: whoever ends the job, long
after the API that took it has gone, knows by them what to do.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

from tasks.settings import QueueSettings

REPEAT_TTL_S = 86_400
"""How long an ``Idempotency-Key`` is remembered."""

BATCH_KEEP_S = 86_400
"""How long the result of a batch's job waits to be fetched."""

MOST_OF_BATCHES = 1_000_000

LONGEST_RETRY_AFTER_S = 120
"""Official clients wait no longer than this, whatever they are told."""

_UNKNOWN_PACE_S = 10


@dataclass(frozen=True, slots=True)
class Repeat:
    """A request that may come again: ``key`` as its client calls it, and what it asked for."""

    key: str
    fingerprint: str

    @classmethod
    def of(cls, key: str, *asked: bytes) -> Repeat:
        """``key`` for the request of these parts (its path and its body), hashed."""
        digest = hashlib.sha256()
        for part in asked:
            digest.update(b"%d:" % len(part))
            digest.update(part)
        return cls(hashlib.sha256(key.encode()).hexdigest(), digest.hexdigest())


@dataclass(frozen=True, slots=True)
class Allowance:
    """What an API key lets a job have; None is no limit.

    ``tokens`` are taken from its ``tokens_per_minute`` when the job is accepted, by an estimate,
    and settled when the job ends.
    """

    key_id: str
    tokens_per_minute: int | None = None
    tokens: int = 0
    most_open: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What was agreed about one job.

    ``listen_s`` is how long it goes on after the last sign of a listener, 0 for a job that needs
    none. A client that leaves cancels its job, unless it asked for ``resume_s`` seconds to come
    back in. ``keep_s`` counts from the job's end. Requests of one ``share`` (a fingerprint) that
    are under way together share one job; ``batch`` says that the job is some lines of one.
    ``allowance`` is None where its API key has no limits, or there is none.
    """

    listen_s: float
    keep_s: int
    max_waiting: int
    resume_s: float = 0.0
    repeat: Repeat | None = None
    webhook_url: str = ""
    share: str = ""
    batch: bool = False
    allowance: Allowance | None = None

    @classmethod
    def listened(
        cls,
        settings: QueueSettings,
        *,
        max_waiting: int | None = None,
        resume_s: float = 0.0,
        repeat: Repeat | None = None,
        webhook_url: str = "",
    ) -> Terms:
        """Somebody follows the job, and may come back within ``resume_s``."""
        fetched_later = bool(resume_s or webhook_url)
        return cls(
            max(settings.listener_lease_s, resume_s),
            settings.job_ttl_s if fetched_later else settings.answered_ttl_s,
            max_waiting or settings.max_waiting,
            resume_s,
            repeat,
            webhook_url,
        )

    @classmethod
    def background(
        cls,
        settings: QueueSettings,
        *,
        max_waiting: int | None = None,
        repeat: Repeat | None = None,
        webhook_url: str = "",
    ) -> Terms:
        """Nobody needs to follow the job."""
        waiting = max_waiting or settings.max_waiting
        return cls(0, settings.job_ttl_s, waiting, repeat=repeat, webhook_url=webhook_url)

    @classmethod
    def of_batch(cls) -> Terms:
        """The job is some lines of a batch, whose driver fetches the result and deletes it.

        How many wait is the driver's own bound; it is away at most while all keepers are.
        """
        return cls(0, BATCH_KEEP_S, MOST_OF_BATCHES, batch=True)


def retry_after_s(limit: int, per_s: float) -> int:
    """When to ask a full queue again: a tenth of what may wait is worked off by then.

    ``per_s`` is how many jobs the model ended of late; 0 when it is not known.
    """
    if per_s <= 0:
        return _UNKNOWN_PACE_S
    return max(1, min(LONGEST_RETRY_AFTER_S, math.ceil(limit / 10 / per_s)))
