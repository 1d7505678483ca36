"""The upkeep of the ledger: what an elected reconciler does, round by round.

Every step is one script or harmless to repeat, and to do twice at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from tasks import events, scripts
from tasks.acceptance import CLAIMED_TOGETHER, ENOUGH_TICKETS
from tasks.connection import Client, now_ms
from tasks.errors import DeadLetter, DeadlineExceeded
from tasks.events import Failed
from tasks.keys import Keys
from tasks.ledger import CANCELLED, Ledger
from tasks.settings import QueueSettings

DEAD_LETTER = Failed.of(
    DeadLetter("The process that ran this job died with it repeatedly; it is not tried again.")
)
EXPIRED = Failed.of(
    DeadlineExceeded(
        "The deadline passed while the job waited for the model. Send it again with a longer"
        " 'timeout_s', or when less is waiting."
    )
)

# Jobs looked at in one call of an audit: a millisecond or two of Redis's time.
AUDIT_STRETCH = 500
FORGOTTEN_A_CALL = 5_000
# Waiting jobs looked at in one call of a refusal, and the lines of a queue that they wait in.
REFUSE_STRETCH = 500
LINES = (":resume", ":0", ":1", ":2")

# Webhooks are due of jobs and of batches, whose ids begin so.
BATCH_ID = "batch_"

SCRIPTS = ("reap", "expire", "audit", "due", "refuse")


class Upkeep:
    """The steps of a round. Thread-safe, as its client is."""

    def __init__(self, client: Client, settings: QueueSettings) -> None:
        self._redis = client
        self._keys = Keys(settings.key_prefix)
        self._ledger = Ledger(client, settings)
        self._max_strikes = settings.max_strikes
        self._dead_letter_ttl_s = settings.dead_letter_ttl_s
        self._scripts = {name: scripts.load(client, name) for name in SCRIPTS}

    def queues(self) -> list[str]:
        """Every queue that ever took a job."""
        return sorted(name.decode() for name in self._redis.smembers(self._keys.queues))

    def tickets(self, queue: str) -> int:
        """How many tickets Celery holds for ``queue``."""
        return int(self._redis.llen(queue))

    def missing_tickets(self, queue: str) -> int:
        """How many tickets must be published for every waiting job to be claimed."""
        waiting = self._ledger.waiting(queue)
        if queue.startswith(CLAIMED_TOGETHER):
            waiting = min(waiting, ENOUGH_TICKETS)
        return max(waiting - self.tickets(queue), 0)

    def reap(
        self, queue: str, dead_holders: Sequence[str] = (), *, lapsed: bool = True
    ) -> list[tuple[str, str]]:
        """Return orphans to waiting; (job id, what became of it) for at most 100 of them.

        Orphans are the running jobs of ``dead_holders`` and, with ``lapsed``, those whose lease
        is over.
        """
        keys = self._keys
        flat = self._scripts["reap"](
            [
                keys.waiting(queue),
                keys.job(""),
                keys.log(""),
                keys.channel(""),
                keys.dead,
                *keys.ending(queue),
            ],
            [
                self._max_strikes,
                events.encode(CANCELLED),
                events.encode(DEAD_LETTER),
                self._dead_letter_ttl_s,
                int(lapsed),
                *dead_holders,
            ],
        )
        texts = [cast(bytes, value).decode() for value in flat]
        return list(zip(texts[::2], texts[1::2], strict=True))

    def expire(self) -> list[str]:
        """End at most 100 waiting jobs whose deadline has passed; their ids."""
        keys = self._keys
        ids = self._scripts["expire"](
            [keys.waiting(""), keys.job(""), keys.log(""), keys.channel(""), *keys.ending("")],
            [events.encode(EXPIRED)],
        )
        return [cast(bytes, job_id).decode() for job_id in ids]

    def refuse(self, queue: str, end: Failed, most: int) -> list[str]:
        """End at most so many of the queue's waiting jobs that somebody listens to; their ids."""
        refused: list[str] = []
        for line in LINES:
            stay = 0
            while len(refused) < most:
                kept, *ended = self._scripts["refuse"](
                    self._refuse_keys(queue),
                    [line, stay, REFUSE_STRETCH, most - len(refused), events.encode(end)],
                )
                stay += int(kept)
                refused += [cast(bytes, job_id).decode() for job_id in ended]
                if int(kept) + len(ended) < REFUSE_STRETCH:
                    break
        return refused

    def _refuse_keys(self, queue: str) -> list[str]:
        keys = self._keys
        prefixes = [keys.job(""), keys.log(""), keys.channel("")]
        return [keys.waiting(queue), *prefixes, *keys.ending(queue)]

    def unheard(self) -> list[str]:
        """Jobs whose listener's lease is over: the API process that served them died."""
        gone = self._redis.zrangebyscore(self._keys.listeners, "-inf", now_ms(self._redis), 0, 100)
        return [job_id.decode() for job_id in gone]

    def forget_listener(self, job_id: str) -> None:
        """Take a job without a record off the listeners' list."""
        self._redis.zrem(self._keys.listeners, job_id)

    def audit(self) -> list[str]:
        """Look at every open job, and put right those that are not where they should be."""
        keys, righted = self._keys, []
        cursor = 0
        while True:
            cursor, found = self._redis.zscan(keys.open, cursor, count=AUDIT_STRETCH)
            if found:
                righted += self._scripts["audit"](
                    [
                        keys.open,
                        keys.waiting(""),
                        keys.running(""),
                        keys.job(""),
                        keys.open_of(""),
                    ],
                    [job_id for job_id, _ in found],
                )
            if not cursor:
                return [job_id.decode() for job_id in righted]

    def forget(self) -> int:
        """Drop the index's entries of jobs whose records have expired; how many."""
        forgotten = 0
        while True:
            # All of them: 5,000 in 30 s were fewer than a busy embedding model ends.
            dropped = self._forget_some()
            forgotten += dropped
            if dropped < FORGOTTEN_A_CALL:
                return forgotten

    def _forget_some(self) -> int:
        keys = self._keys
        due = self._redis.zrangebyscore(
            keys.ended, "-inf", now_ms(self._redis), 0, FORGOTTEN_A_CALL
        )
        pipe = self._redis.pipeline(transaction=False)
        for entry in due:
            job_id, _, owner = entry.partition(b" ")
            pipe.zrem(keys.index(owner.decode()), job_id)
            pipe.zrem(keys.dead, job_id)
            pipe.zrem(keys.ended, entry)
        pipe.execute()
        return len(due)

    def due_webhooks(self, again_s: float, most: int) -> list[str]:
        """Jobs and batches whose webhook is to be called now; due again unless it is settled."""
        ids = self._scripts["due"]([self._keys.webhooks], [int(again_s * 1000), most])
        return [cast(bytes, job_id).decode() for job_id in ids]

    def count_webhook(self, ended_id: str) -> int:
        """A try at the webhook of a job or batch begins: which one it is, from 1."""
        return int(self._redis.hincrby(self._ended(ended_id), "webhook_tries", 1))

    def settle_webhook(self, ended_id: str, said: str) -> None:
        """The webhook is not to be called again; ``said`` is what became of it."""
        self._redis.zrem(self._keys.webhooks, ended_id)
        if self._redis.exists(self._ended(ended_id)):
            self._redis.hset(self._ended(ended_id), "webhook_said", said)

    def delay_webhook(self, ended_id: str, delay_s: float, said: str) -> None:
        """The webhook is to be called again after so long."""
        due_ms = now_ms(self._redis) + int(delay_s * 1000)
        self._redis.zadd(self._keys.webhooks, {ended_id: due_ms}, xx=True)
        self._redis.hset(self._ended(ended_id), "webhook_said", said)

    def _ended(self, ended_id: str) -> str:
        of_batch = ended_id.startswith(BATCH_ID)
        return self._keys.batch(ended_id) if of_batch else self._keys.job(ended_id)
