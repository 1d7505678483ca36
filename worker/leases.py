"""What this worker holds, and the thread that renews it and says how the worker is doing."""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid

import redis

from tasks.connection import now_ms
from tasks.ledger import Ledger
from tasks.model import Model
from tasks.reply import Reply
from tasks.roster import Report, Roster
from worker.settings import WorkerSettings
from worker.standing import Standing, WorkerState

log = logging.getLogger(__name__)

# How often the thread looks whether something is worth a report at once. It looks, instead of being
# woken: handlers hold and drop hundreds of jobs a second, and must pay for none of it.
LOOK_S = 0.15


class Leases:
    """The replies in hand, their leases, and this worker's report; one thread renews all three.

    The instance's name holds for one life of the process: a restarted worker is another holder.
    ``lost`` counts the leases that another worker has taken over.
    """

    def __init__(
        self,
        ledger: Ledger,
        roster: Roster,
        model: Model,
        settings: WorkerSettings,
        node: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._model = model
        self._renew_s = settings.lease_renew_s
        self.node = node or f"{model.queue}@{socket.gethostname()}"
        self.holder = f"{self.node}#{os.getpid()}.{uuid.uuid4().hex[:8]}"
        self.standing = Standing(model, self.node, settings.fleet_node)
        self._lock = threading.Lock()
        self.lost = 0
        self._held: dict[str, Reply] = {}
        self._worked = False
        self._stopped = threading.Event()
        self._soon = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin renewing and reporting."""
        self._thread.start()

    def become(self, state: WorkerState, reason: str | None = None) -> None:
        """Change what the report says, and send it now."""
        self.standing.become(state, reason)
        self._soon.set()

    def hold(self, reply: Reply) -> None:
        """Renew the reply's lease from now on, and no longer that of an earlier attempt here."""
        with self._lock:
            earlier = self._held.get(reply.claim.job_id)
            self._held[reply.claim.job_id] = reply
            self._worked = True
        if earlier is not None:
            # This process was taken for dead, and its own next claim brought the job back.
            self.lost += 1
            earlier.lose()

    def drop(self, reply: Reply) -> None:
        """The reply is over."""
        with self._lock:
            if self._held.get(reply.claim.job_id) is reply:
                del self._held[reply.claim.job_id]

    def held(self) -> list[Reply]:
        """The replies in hand."""
        with self._lock:
            return list(self._held.values())

    def cancel(self, job_id: str) -> None:
        """Somebody cancelled a job; nothing happens when it is not held here."""
        with self._lock:
            reply = self._held.get(job_id)
        if reply is not None:
            reply.cancel()

    def close(self) -> None:
        """Stop renewing and withdraw the report."""
        self._stopped.set()
        self._soon.set()
        if self._thread.is_alive():
            self._thread.join(timeout=2)
        try:
            self._roster.retire(self._model.queue, self.holder)
        except redis.RedisError:
            log.info("the report stays until it expires: Redis does not answer")

    def report(self) -> Report:
        """Say how this worker is doing; what was said."""
        now = now_ms(self._ledger.redis)
        with self._lock:
            busy, worked, self._worked = len(self._held), self._worked, False
        before = self.standing.told
        report = self.standing.report(now, busy, worked, int(self._renew_s * 4000))
        self._roster.report(self._model.queue, self.holder, report)
        if before is None:
            self._clear_away(now)
        if report.state == "ready" and (before is None or before.state != "ready"):
            self._retire_failures()
        return report

    def _run(self) -> None:
        renew_at = 0.0
        while not self._stopped.is_set():
            pause_s = LOOK_S
            now = time.monotonic()
            try:
                if now >= renew_at or self._soon.is_set() or self._has_news():
                    self._soon.clear()
                    self.report()
                if now >= renew_at:
                    renew_at = now + self._renew_s
                    self._renew()
            except redis.RedisError as error:
                log.warning("could not renew leases: %s", type(error).__name__)
                pause_s, renew_at = self._renew_s, 0.0
            self._soon.wait(pause_s)

    def _has_news(self) -> bool:
        with self._lock:
            busy, worked = len(self._held), self._worked
        return self.standing.has_news(busy, worked)

    def _clear_away(self, now: int) -> None:
        """Drop the expired reports of tries to load that never held a job.

        The reconciler looks after queues that took one; of a model that nobody asks for, and that
        dies in loading every ten seconds, each process would leave its report for ever.
        """
        for instance, report in self._roster.all_workers(self._model.queue).items():
            if report.state in ("loading", "failed") and report.expires_ms < now:
                self._roster.retire(self._model.queue, instance)

    def _retire_failures(self) -> None:
        """Earlier tries to load, of processes by this one's name, have failed in vain."""
        for instance, report in self._roster.all_workers(self._model.queue).items():
            if report.node == self.node and report.state == "failed":
                self._roster.retire(self._model.queue, instance)

    def _renew(self) -> None:
        replies = self.held()
        statuses = self._ledger.renew(self._model.queue, [reply.claim for reply in replies])
        for reply in replies:
            status = statuses[reply.claim.job_id]
            if status == 0:
                # Not one that has just ended by what this worker said.
                self.lost += reply.ended is None
                reply.lose()
            elif status == 2:
                reply.cancel()
