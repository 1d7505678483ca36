"""What this worker holds, and the thread that renews it and says how the worker is doing."""

from __future__ import annotations

import logging
import os
import socket
import threading
import uuid
from typing import Literal

import redis

from tasks import hosts
from tasks.connection import now_ms
from tasks.ledger import Ledger
from tasks.model import Model
from tasks.reply import Reply
from tasks.roster import Report, Roster

log = logging.getLogger(__name__)

WorkerState = Literal["loading", "ready", "draining", "failed"]


class Leases:
    """The replies in hand, their leases, and this worker's report; one thread renews all three.

    The instance's name holds for one life of the process: a restarted worker is another holder.
    """

    def __init__(
        self,
        ledger: Ledger,
        roster: Roster,
        model: Model,
        renew_s: float,
        node: str | None = None,
    ) -> None:
        self._ledger = ledger
        self._roster = roster
        self._model = model
        self._renew_s = renew_s
        self.node = node or f"{model.queue}@{socket.gethostname()}"
        self.holder = f"{self.node}#{os.getpid()}.{uuid.uuid4().hex[:8]}"
        self.context = model.context
        self.state: WorkerState = "loading"
        self.reason: str | None = None
        self._lock = threading.Lock()
        self._held: dict[str, Reply] = {}
        self._stopped = threading.Event()
        self._soon = threading.Event()
        self._thread = threading.Thread(target=self._run, name="leases", daemon=True)

    def start(self) -> None:
        """Begin renewing and reporting."""
        self._thread.start()

    def become(self, state: WorkerState, reason: str | None = None) -> None:
        """Change what the report says, and send it now."""
        self.state, self.reason = state, reason
        self._soon.set()

    def hold(self, reply: Reply) -> None:
        """Renew the reply's lease from now on, and no longer that of an earlier attempt here."""
        with self._lock:
            earlier = self._held.get(reply.claim.job_id)
            self._held[reply.claim.job_id] = reply
        if earlier is not None:
            # This process was taken for dead, and its own next claim brought the job back.
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

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._soon.clear()
            try:
                self.report()
                self._renew()
            except redis.RedisError as error:
                log.warning("could not renew leases: %s", type(error).__name__)
            self._soon.wait(self._renew_s)

    def report(self) -> None:
        """Say how this worker is doing."""
        report = Report(
            node=self.node,
            state=self.state,
            pid=os.getpid(),
            slots=self._model.slots,
            context=self.context,
            expires_ms=now_ms(self._ledger.redis) + int(self._renew_s * 4000),
            reason=self.reason,
            host=hosts.this_host(),
            born=hosts.born(os.getpid()) or 0,
        )
        self._roster.report(self._model.queue, self.holder, report)

    def _renew(self) -> None:
        replies = self.held()
        statuses = self._ledger.renew(self._model.queue, [reply.claim for reply in replies])
        for reply in replies:
            status = statuses[reply.claim.job_id]
            if status == 0:
                reply.lose()
            elif status == 2:
                reply.cancel()
