"""Every Redis key and channel name, and nowhere else.

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
        """Hash: queue -> how many of its jobs ended of late (``pace`` in the prelude)."""
        return f"{self.prefix}:paces"

    @property
    def webhooks(self) -> str:
        """Sorted set: ids of jobs whose webhook is to be called, by when (ms)."""
        return f"{self.prefix}:webhooks"

    def ending(self, queue: str) -> list[str]:
        """What a job's end touches, in the order of ``ending`` in the scripts' prelude."""
        running = self.running(queue)
        return [running, self.listeners, self.open, self.ended, self.paces, self.webhooks]

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
