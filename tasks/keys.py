"""Every Redis key and channel name, and nowhere else (those of the cache's Redis: `cache_names`).

All of a job's keys carry its id; all of a queue's carry the queue's name. The ticket queues
themselves are Celery's and bear the queue's name alone (`chat.<model>`, `embed.<model>`).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Keys:
    """The names under one prefix."""

    prefix: str

    def job(self, job_id: str) -> str:
        """Hash: the job's record (fields in ``ledger``)."""
        return f"{self.prefix}:job:{job_id}"

    def log(self, job_id: str) -> str:
        """Stream: the job's events, entry ids ``<seq>-0``, field ``e``."""
        return f"{self.prefix}:log:{job_id}"

    def channel(self, job_id: str) -> str:
        """Channel: the job's events as they are logged."""
        return f"{self.prefix}:events:{job_id}"

    def waiting(self, queue: str) -> str:
        """Stem of the queue's waiting sets: ``:resume``, and one per priority (``:0`` ...)."""
        return f"{self.prefix}:waiting:{queue}"

    def running(self, queue: str) -> str:
        """Sorted set: job ids that a worker holds, by the end of their lease (ms)."""
        return f"{self.prefix}:running:{queue}"

    def workers(self, queue: str) -> str:
        """Hash: worker instance -> its last report."""
        return f"{self.prefix}:workers:{queue}"

    def control(self, queue: str) -> str:
        """Channel: ids of running jobs that were cancelled, for the queue's workers."""
        return f"{self.prefix}:control:{queue}"

    def awake(self, queue: str) -> str:
        """String: a worker of the queue waits to be woken, so that a job needs no ticket."""
        return f"{self.prefix}:awake:{queue}"

    def wake(self, queue: str) -> str:
        """List: what a worker that waits to be woken takes from; at most a few entries."""
        return f"{self.prefix}:wake:{queue}"

    def question(self, question_id: str) -> str:
        """String: a question to a worker, then its answer, for a few seconds."""
        return f"{self.prefix}:question:{question_id}"

    def index(self, owner: str) -> str:
        """Sorted set, all scores 0: the owner's job ids, which sort by age."""
        return f"{self.prefix}:jobs:{owner}"

    def repeat(self, owner: str, key: str) -> str:
        """Hash: the job, and the fingerprint of what was asked, under an idempotency key."""
        return f"{self.prefix}:repeat:{owner}:{key}"

    def share(self, digest: str) -> str:
        """String: the job that computes what equal requests ask for, by their fingerprint."""
        return f"{self.prefix}:share:{digest}"

    def file(self, file_id: str) -> str:
        """Hash: a file's record (fields in ``app.files.record``)."""
        return f"{self.prefix}:file:{file_id}"

    def file_index(self, owner: str) -> str:
        """Sorted set, all scores 0: the owner's file ids, which sort by age."""
        return f"{self.prefix}:files:{owner}"

    def blob_uses(self, blob: str) -> str:
        """Set: who needs the stored bytes ``blob``: their file, and open batches that read it."""
        return f"{self.prefix}:blob-uses:{blob}"

    def batch(self, batch_id: str) -> str:
        """Hash: a batch's record (fields in ``app.batches.record``)."""
        return f"{self.prefix}:batch:{batch_id}"

    def batch_plan(self, batch_id: str) -> str:
        """Hash: job id -> the batch's lines that it computes, of jobs whose results are not kept
        yet."""
        return f"{self.prefix}:batch-plan:{batch_id}"

    def batch_output(self, batch_id: str) -> str:
        """List: names of the pieces of the batch's output, in order."""
        return f"{self.prefix}:batch-output:{batch_id}"

    def batch_errors(self, batch_id: str) -> str:
        """List: names of the pieces of the batch's error file, in order."""
        return f"{self.prefix}:batch-errors:{batch_id}"

    def batch_index(self, owner: str) -> str:
        """Sorted set, all scores 0: the owner's batch ids, which sort by age."""
        return f"{self.prefix}:batches:{owner}"

    @property
    def api_keys(self) -> str:
        """Hash: SHA-256 of an API key (hex) -> its record (``tasks.api_keys``)."""
        return f"{self.prefix}:api-keys"

    def budget(self, key_id: str) -> str:
        """Hash: what an API key may still ask for: its levels of requests and tokens."""
        return f"{self.prefix}:budget:{key_id}"

    def open_of(self, owner: str) -> str:
        """Set: ids of the owner's jobs that have no end yet, those of batches left out."""
        return f"{self.prefix}:open-of:{owner}"

    def open_looked(self, owner: str) -> str:
        """String: the owner's open jobs were looked through a moment ago."""
        return f"{self.prefix}:open-looked:{owner}"

    def charged(self, request_id: str) -> str:
        """String: the request was taken from its API key's budget, a moment ago."""
        return f"{self.prefix}:charged:{request_id}"

    @property
    def measures(self) -> str:
        """Hash: process -> what it has counted so far (``tasks.measures``)."""
        return f"{self.prefix}:measures"

    @property
    def measures_past(self) -> str:
        """Hash: sample -> what processes that are gone had counted, so that totals never fall."""
        return f"{self.prefix}:measures-past"

    @property
    def open_batches(self) -> str:
        """Set: ids of batches that have no end yet."""
        return f"{self.prefix}:open-batches"

    @property
    def ended_batches(self) -> str:
        """Sorted set: ids of batches that have ended, by when they are forgotten (s)."""
        return f"{self.prefix}:ended-batches"

    @property
    def expiring_files(self) -> str:
        """Sorted set: ids of files that expire, by when (s)."""
        return f"{self.prefix}:expiring-files"

    @property
    def free_blobs(self) -> str:
        """Set: stored bytes that nobody needs any more, and that are to be deleted."""
        return f"{self.prefix}:free-blobs"

    @property
    def batch_news(self) -> str:
        """List: what the batch driver waits at; one entry when something happened to a batch."""
        return f"{self.prefix}:batch-news"

    @property
    def batch_driver(self) -> str:
        """String: which keeper drives batches, until its own lease ends."""
        return f"{self.prefix}:batch-driver"

    @property
    def identities(self) -> str:
        """Hash: model -> what serves it (``tasks.identities``)."""
        return f"{self.prefix}:identities"

    @property
    def cache_counts(self) -> str:
        """Hash: what the cache of answers did, counted (fields in ``tasks.cache_counts``)."""
        return f"{self.prefix}:cache-counts"

    @property
    def open(self) -> str:
        """Sorted set: every job that has no end yet, by its deadline (ms; ``inf`` without one)."""
        return f"{self.prefix}:open"

    @property
    def ended(self) -> str:
        """Sorted set: ``<job id> <owner>`` of jobs that have ended, by when they are forgotten."""
        return f"{self.prefix}:ended"

    @property
    def dead(self) -> str:
        """Sorted set: ids of dead letters, by their end (ms)."""
        return f"{self.prefix}:dead"

    @property
    def paces(self) -> str:
        """Hash: queue -> how many of its jobs ended of late (``pace`` in the prelude); and a state
        and a queue -> how many of its jobs ever ended so."""
        return f"{self.prefix}:paces"

    @property
    def webhooks(self) -> str:
        """Sorted set: ids of jobs and batches whose webhook is to be called, by when (ms)."""
        return f"{self.prefix}:webhooks"

    def ending(self, queue: str) -> list[str]:
        """What a job's end touches, in the order of ``ending`` in the scripts' prelude."""
        running = self.running(queue)
        of_all = [self.open, self.ended, self.paces, self.webhooks, self.batch_news]
        return [running, self.listeners, *of_all, self.open_of(""), self.budget("")]

    @property
    def listeners(self) -> str:
        """Sorted set: job ids that somebody listens to, by the end of the listener's lease (ms)."""
        return f"{self.prefix}:listeners"

    @property
    def queues(self) -> str:
        """Set: every queue that ever took a job."""
        return f"{self.prefix}:queues"

    @property
    def nodes(self) -> str:
        """Hash: node -> its last report."""
        return f"{self.prefix}:nodes"

    @property
    def assignments(self) -> str:
        """Hash: node -> the models that it is to serve."""
        return f"{self.prefix}:assignments"

    @property
    def wishes(self) -> str:
        """Hash: model -> whether it should be loaded, why, since when."""
        return f"{self.prefix}:wishes"

    @property
    def definitions(self) -> str:
        """Hash: model -> its definition, of those added at run time."""
        return f"{self.prefix}:definitions"

    @property
    def placements(self) -> str:
        """Hash: model -> where it is, or why it is nowhere."""
        return f"{self.prefix}:placements"

    @property
    def placer(self) -> str:
        """String: which keeper places models, until its own lease ends."""
        return f"{self.prefix}:placer"

    @property
    def reconciler(self) -> str:
        """String: which keeper is elected, until its own lease ends."""
        return f"{self.prefix}:reconciler"

    @property
    def keeper(self) -> str:
        """String: the name of the keeper that reported last, until its report expires."""
        return f"{self.prefix}:keeper"
