"""The intake: takes embeddings jobs out of the ledger, many at a time, and says their vectors.

1. One handler has the seat: it claims as many jobs as there is room for, hands them to the engine
   and claims again. Others that got a ticket meanwhile wake it and wait for the seat, with their
   tickets unacked, so that Celery takes no more of them than there are slots.
2. When nothing waits it stays for a moment and is woken by the next job, which then needs no
   ticket: Celery's part in a job is several times the work of embedding a text.
3. The engine's lanes say the vectors of what they completed; the publisher logs those of many
   jobs in one round trip. The seat's holder lets go of what is logged.
4. In a process that rests it claims nothing more, and leaves with the last job.
5. Jobs of batches are patient: they are computed when nobody else waits, and the room that they
   take up is not that of others.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import redis
import structlog

from tasks.errors import DeadlineExceeded, JobCancelled, TaskError
from tasks.events import Done, Failed, Started, Usage
from tasks.jobs import EmbedJob, Priority
from tasks.ledger import Claim
from tasks.reply import Reply
from worker.embedding.engine import Computed, EmbedEngine, Inputs
from worker.embedding.job import events_of, inputs_of, shorten
from worker.embedding.meter import EmbedMeter

if TYPE_CHECKING:
    from worker.process import ModelProcess

log = structlog.get_logger(__name__)

# Most jobs in hand at once, and the tokens in hand beyond which only as many jobs are taken as
# the model has slots: what is claimed early cannot be claimed by another worker, and whoever comes
# later, of another owner, waits behind it. Four full batches are enough to choose from.
MOST_JOBS = 64
ENOUGH_TOKENS = 2_048
# How long a job's texts are is known when it is claimed: so many at a time are no great mistake.
# With 64 at once, of 16 texts each, another owner's texts waited for 3 s.
MOST_AT_ONCE = 8
# Patient jobs in hand at once: of 256 short texts each, they are work for seconds. Of long texts
# fewer do, but there is always one more than is computed.
PATIENT_JOBS = 6
LEAST_PATIENT_JOBS = 2
# How long the seat's holder stays after the last job.
LINGER_S = 1.0
# How often it looks around without being woken, and until when a job accepted after its death
# may take it for alive.
LOOK_S = 0.25
WATCH_S = 1.0
# Pause while Redis is away, or another job must run alone.
LATER_S = 0.2
# Pause while there is no room.
FULL_S = 0.01

Translate = Callable[[Exception], TaskError]


class Intake:
    """The embeddings jobs of one process, from claim to last event."""

    def __init__(self, process: ModelProcess) -> None:
        self._process = process
        self._engine = EmbedEngine(process.embed, self._computed)
        self._seat = threading.Lock()
        self._held: dict[str, Reply] = {}
        self._dimensions: dict[str, int | None] = {}
        self._patient: set[str] = set()
        # When jobs with a deadline must have ended, on the clock that set it.
        self._deadlines: dict[str, float] = {}

    @property
    def meter(self) -> EmbedMeter:
        """What its engine counts."""
        return self._engine.meter

    def start(self) -> None:
        """Begin to compute what is taken."""
        self._engine.start()

    def serve(self, translate: Translate) -> None:
        """A ticket came: take jobs until none waits and none came for a moment.

        ``translate`` makes of what goes wrong what the client is told.
        """
        self._translate = translate
        if not self._seat.acquire(blocking=False):
            self._wake()
            self._seat.acquire()
        try:
            self._serve()
        finally:
            self._seat.release()

    def stop(self) -> None:
        """Compute nothing more; what is in hand is the caller's to give back."""
        self._engine.stop()
        self._wake()
        with contextlib.suppress(redis.RedisError):
            self._look_away()

    def close(self) -> None:
        """Wait for what is being computed."""
        self._engine.close()

    def _serve(self) -> None:
        leave_at = 0.0
        while not self._process.draining.is_set():
            self._let_go()
            self._expire()
            resting = self._process.resting.is_set()
            if resting and not self._held:
                self._leave()
                return
            room = 0 if resting else self._room()
            if not room:
                self._rest(FULL_S)
                continue
            staying = bool(self._held) or time.monotonic() < leave_at
            claims = self._claim(room, WATCH_S if staying else 0.0)
            if isinstance(claims, list):
                for claim in claims:
                    self._begin(claim)
                leave_at = time.monotonic() + LINGER_S
            elif claims == "later":
                time.sleep(LATER_S)
            elif staying:
                self._watch()
            else:
                return

    def _room(self) -> int:
        """How many jobs to claim; those of batches take none of it up."""
        few = self._engine.tokens() < ENOUGH_TOKENS
        most = MOST_JOBS if few else min(self._process.model.slots, MOST_JOBS)
        room = most - (len(self._held) - len(self._patient))
        return max(min(room, MOST_AT_ONCE), 0)

    def _patient_room(self) -> int:
        enough = self._engine.tokens(patient=True) >= ENOUGH_TOKENS
        return max((LEAST_PATIENT_JOBS if enough else PATIENT_JOBS) - len(self._patient), 0)

    def _claim(self, most: int, watch_s: float) -> list[Claim] | str:
        process = self._process
        try:
            return process.ledger.claim_many(
                process.model.queue,
                process.leases.holder,
                most,
                most_batch=self._patient_room(),
                watch_s=watch_s,
            )
        except redis.RedisError:
            if watch_s:
                return "later"
            raise

    def _watch(self) -> None:
        try:
            self._process.ledger.watch(self._process.model.queue, LOOK_S)
        except redis.RedisError:
            time.sleep(LATER_S)

    def _rest(self, pause_s: float) -> None:
        """No room: until there is, jobs get tickets, which other workers may take."""
        try:
            self._look_away()
        except redis.RedisError:
            pause_s = LATER_S
        time.sleep(pause_s)

    def _leave(self) -> None:
        """Take nothing more; what was accepted on this worker's word gets a ticket."""
        with contextlib.suppress(redis.RedisError):
            self._look_away()
        self._process.pass_on()

    def _look_away(self) -> None:
        self._process.ledger.look_away(self._process.model.queue)

    def _wake(self) -> None:
        try:
            self._process.ledger.wake(self._process.model.queue)
        except redis.RedisError:
            log.info("not woken: Redis does not answer")

    def _begin(self, claim: Claim) -> None:
        name = claim.name
        reply = self._process.reply_to(claim, lambda: self._cancel(name))
        self._held[name] = reply
        log.info("job started", job=claim.job_id, attempt=claim.attempt)
        try:
            job = claim.job()
            assert isinstance(job, EmbedJob)
            self._submit(name, job)
        except Exception as error:  # noqa: BLE001 - whatever it is, its client is told
            self._fail(reply, error)
            return
        if reply.interrupted():
            # Heard before the engine knew the job.
            self._cancel(name)

    def _submit(self, name: str, job: EmbedJob) -> None:
        self._dimensions[name] = job.dimensions
        if job.deadline_at is not None:
            self._deadlines[name] = job.deadline_at
        read = partial(self._inputs, job)
        if job.priority == Priority.BATCH:
            self._patient.add(name)
            self._engine.submit_patient(name, read)
        else:
            self._engine.submit(name, read())

    def _inputs(self, job: EmbedJob) -> Inputs:
        began_s = time.perf_counter()
        inputs = inputs_of(self._process.embed, job)
        self.meter.tokenized(time.perf_counter() - began_s)
        return inputs

    def _cancel(self, name: str) -> None:
        reply = self._held.get(name)
        if self._engine.drop(name) and reply is not None:
            self._fail(reply, JobCancelled("The job was cancelled."))

    def _expire(self) -> None:
        """Stop what is late; a job that the engine has completed is not late any more."""
        now = time.time()
        for name in [name for name, at in self._deadlines.items() if at <= now]:
            del self._deadlines[name]
            reply = self._held.get(name)
            if reply is not None and self._engine.drop(name):
                self._fail(reply, DeadlineExceeded("The deadline passed before all was embedded."))

    def _fail(self, reply: Reply, error: Exception) -> None:
        if not isinstance(error, TaskError):
            log.error("job failed", job=reply.claim.job_id, exc_info=error)
        reply.say(Failed.of(self._translate(error)))
        self._process.publish(reply)

    def _computed(self, over: Sequence[Computed]) -> None:
        """In the engine's thread: say what it completed, and have all of it logged together."""
        replies = []
        for each in over:
            reply = self._held.get(each.request)
            if reply is None:
                continue  # let go of: it is somebody else's to answer
            if each.vectors is None:
                self._fail(reply, each.error or RuntimeError("no vectors, and no reason"))
                continue
            dimensions = self._dimensions.get(each.request)
            vectors = each.vectors if dimensions is None else shorten(each.vectors, dimensions)
            tokens = sum(each.tokens)
            started = [] if reply.claim.last_seq else [_started(reply.claim, tokens)]
            done = Done(Usage(tokens), identity=self._process.identity.digest)
            reply.say(*started, *events_of(vectors, each.tokens), done)
            replies.append(reply)
        self.meter.answered(len(replies))
        self._process.publish(*replies)

    def _let_go(self) -> None:
        """Renew no longer what is over: its end is logged, or is somebody else's to say."""
        for name, reply in list(self._held.items()):
            if reply.over.is_set():
                self._engine.drop(name)
                self._process.leases.drop(reply)
                self._process.attempts.over(reply)
                del self._held[name]
                self._dimensions.pop(name, None)
                self._patient.discard(name)
                self._deadlines.pop(name, None)
                log.info("job over", job=reply.claim.job_id, fenced=reply.fenced)


def _started(claim: Claim, tokens: int) -> Started:
    return Started(tokens, queued_ms=claim.waited_ms)
