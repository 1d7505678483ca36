"""A model's worker process: one model, one queue, many tickets.

1. ``start``: report "loading", load the model, start the engine's loop and the lease keeper.
2. ``ready``: Celery consumes from the queue; the report says so and the API's /ready with it.
3. ``take``: a ticket came; claim whatever job is next and answer it (``handlers``).
4. ``rest``: take nothing more and finish what runs; the process stays until it is told to end.
5. ``drain``: stop at the next step, log what was said, give the jobs back unharmed.
6. ``close``: free the model.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from functools import partial

import msgspec
import redis
from celery import Celery
from kombu.exceptions import OperationalError

from tasks.celery import publish_ticket
from tasks.connection import connect
from tasks.dispatcher import MISSED, Dispatcher
from tasks.events import Done, Event
from tasks.identities import Identities
from tasks.ledger import Claim, Ledger
from tasks.measuring import Reporter
from tasks.model import Model
from tasks.reply import Publisher, Reply
from tasks.roster import DRAIN, Roster
from worker.asking import Asker
from worker.embedding.intake import Intake
from worker.engine import Engine
from worker.engine.engine import Told
from worker.identity.witness import Witness
from worker.leases import Leases
from worker.metrics import WorkerMetrics
from worker.runtimes.base import EmbedRuntime
from worker.runtimes.load import device_of, load_chat, load_embed
from worker.settings import WorkerSettings
from worker.tracing import Attempts

log = logging.getLogger(__name__)

# How often a handler asks again while another job has the process to itself.
LATER_S = 0.2
# Longest wait of a ticket to be passed on, until this process consumes no more: before, it might
# take the same ticket again and again.
PASS_ON_S = 2.0

# Ends the consuming from the model's queue, soon, and then calls what it was given.
StopConsuming = Callable[[Callable[[], object]], object]


class Current:
    """The one model of this process: set once, by the signal that loads it."""

    def __init__(self) -> None:
        self._process: ModelProcess | None = None

    def set(self, process: ModelProcess) -> None:
        """From now on this is the process's model."""
        self._process = process

    def find(self) -> ModelProcess | None:
        """The process's model, if it has one."""
        return self._process

    def get(self) -> ModelProcess:
        """The process's model; ``RuntimeError`` without one."""
        if self._process is None:
            raise RuntimeError("no model is loaded in this process")
        return self._process


current = Current()


class ModelProcess:
    """Everything that the handlers of one model share."""

    embed: EmbedRuntime
    intake: Intake
    engine: Engine
    asker: Asker

    def __init__(
        self, settings: WorkerSettings, celery: Celery, model: Model, node: str | None = None
    ) -> None:
        """``node`` is its name to remote control; left out, the one that the runner gives."""
        self.settings = settings
        self.model = model
        self._celery = celery
        client = connect(settings.queue_url)
        self.ledger = Ledger(client, settings)
        roster = Roster(client, settings)
        self.leases = Leases(self.ledger, roster, model, settings, node)
        self.identity = Witness(model, settings, Identities(client, settings))
        interval_s = settings.publish_interval_ms / 1000
        self.publisher = Publisher(self.ledger, interval_s=interval_s)
        self.metrics = WorkerMetrics(self)
        self.attempts = Attempts(model.name)
        self._reporter = Reporter(client, settings, self.metrics.registry, model.queue)
        self._dispatcher = Dispatcher(client)
        self.resting = threading.Event()
        self.draining = threading.Event()
        self._nobody_takes = False
        self._turn = threading.Lock()
        self._consumes_not = threading.Event()
        self._stop_consuming: StopConsuming | None = None

    def start(self) -> None:
        """Load the model; raises the runtime's ``LoadFailed`` after reporting its reason."""
        self.leases.start()
        # Before the loading, which may take minutes: it may be asked to drain meanwhile.
        threading.Thread(target=self._hear, name="control", daemon=True).start()
        began = time.monotonic()
        try:
            self._load()
        except Exception as error:
            self.leases.become("failed", str(error))
            self.metrics.loaded(time.monotonic() - began, ready=False)
            self._reporter.close()
            raise
        took_s = time.monotonic() - began
        self.metrics.loaded(took_s, ready=True)
        self._reporter.start()
        self.identity.begin()
        log.info("model %s loaded in %.1f s", self.model.name, took_s)

    def ready(self, stop_consuming: StopConsuming | None = None) -> None:
        """Celery consumes: say so. ``stop_consuming`` has it stop, for a process that rests."""
        with self._turn:
            self._stop_consuming = stop_consuming
            if not self.resting.is_set():
                self.leases.become("ready")
                return
        self._consume_no_more()

    def claim(self) -> Claim | None:
        """The job that is next for this model; None when no ticket's job waits any more."""
        while not (self.draining.is_set() or self.resting.is_set()):
            claim = self.ledger.claim(self.model.queue, self.leases.holder)
            if isinstance(claim, Claim):
                return claim
            if claim == "none":
                return None
            time.sleep(LATER_S)
        self.pass_on()
        return None

    def pass_on(self) -> None:
        """A ticket came that this process does not use: it is for another worker of the queue."""
        if self.draining.is_set():
            return
        self._consumes_not.wait(PASS_ON_S)
        try:
            if self.ledger.waiting(self.model.queue):
                publish_ticket(self._celery, self.model.queue, "passed-on")
        except (redis.RedisError, OperationalError, OSError) as error:
            # The reconciler makes it good.
            log.info("a ticket is not passed on: %s", type(error).__name__)

    def reply_to(self, claim: Claim, on_cancel: Callable[[], None]) -> Reply:
        """A reply whose lease is renewed until ``leases`` drops it."""
        reply = Reply(claim, self.model.queue, on_cancel)
        self.leases.hold(reply)
        self.metrics.claimed(claim)
        if self.draining.is_set():
            # Claimed while the drain went through the replies: it did not see this one.
            self._give_back(reply)
        return reply

    def past(self, reply: Reply) -> list[Event]:
        """What earlier attempts logged of the reply's job; waits for a Redis that is away."""
        while reply.claim.last_seq and not reply.interrupted():
            try:
                return [event for _, event in self.ledger.log(reply.claim.job_id)]
            except redis.RedisError:
                time.sleep(LATER_S)
        return []

    def publish(self, *replies: Reply) -> None:
        """Have what the replies said logged, together."""
        self.publisher.publish(replies)

    def rest(self) -> None:
        """Take nothing more; what runs is finished. The report says so at once."""
        with self._turn:
            if self.resting.is_set() or self.draining.is_set():
                return
            self.resting.set()
            self.leases.become("draining")
        log.info("model %s takes nothing more", self.model.name)
        self._consume_no_more()

    def drain(self) -> None:
        """Give every job back: it continues from its log, here or elsewhere, without a strike."""
        if self.draining.is_set():
            return
        self.draining.set()
        self.leases.become("draining")
        if self.model.kind == "embed":
            self.intake.stop()
        else:
            self.engine.stop()
        give_up_at = time.monotonic() + self.settings.drain_s
        for reply in self.leases.held():
            while reply.outstanding() is not None and time.monotonic() < give_up_at:
                time.sleep(0.01)
            self._give_back(reply)

    def close(self) -> None:
        """Free the model; the process ends."""
        self.drain()
        self.publisher.close()
        self.attempts.close()
        self.identity.close()
        self.leases.close()
        self._reporter.close()
        self._dispatcher.close()
        if self.model.kind == "embed":
            self.intake.close()
            self.embed.shutdown()
        else:
            self.engine.close()
        self.ledger.redis.close()

    def _load(self) -> None:
        standing = self.leases.standing
        standing.device = device_of(self.model, self.settings.device)
        model = msgspec.structs.replace(self.model, device=standing.device)
        self.identity.look()
        if model.kind == "embed":
            self.embed = load_embed(model, self.settings)
            standing.context = self.embed.context
            self.intake = Intake(self)
            self.intake.start()
            return
        progress = partial(setattr, standing, "progress")
        load = partial(load_chat, model, self.settings, progress=progress)
        self.engine = Engine(load, self._tell)
        self.engine.start()
        self.asker = Asker(self.engine.runtime)
        standing.context = self.engine.runtime.context

    def _consume_no_more(self) -> None:
        if self._stop_consuming is not None:
            self._stop_consuming(self._consumes_not.set)

    def _tell(self, told: Told) -> None:
        by_name: dict[str, list[Event]] = {}
        for name, event in told:
            by_name.setdefault(name, []).append(event)
        replies = [reply for reply in self.leases.held() if reply.claim.name in by_name]
        for reply in replies:
            # In one call: a choice's last text and its end are logged together or not at all.
            reply.say(*(self._signed(event, reply) for event in by_name[reply.claim.name]))
        self.publisher.publish(replies)

    def _signed(self, event: Event, reply: Reply) -> Event:
        """An end bears what computed the answer, all of it: an earlier attempt's part of it may
        be that of another file."""
        if isinstance(event, Done) and not reply.claim.last_seq:
            return msgspec.structs.replace(event, identity=self.identity.digest)
        return event

    def _give_back(self, reply: Reply) -> None:
        try:
            if not (self._nobody_takes or reply.over.is_set()):
                self._release(reply.claim)
        except (redis.RedisError, OperationalError, OSError) as error:
            # Its lease ends by itself, and the reconciler returns it: this one and the others,
            # for the process must end before it has asked once for each of them.
            self._nobody_takes = True
            log.warning("job %s not given back: %s", reply.claim.job_id, type(error).__name__)
        reply.abandon()

    def _release(self, claim: Claim) -> None:
        if self.ledger.release(claim, self.model.queue):
            publish_ticket(self._celery, self.model.queue, claim.job_id)
            log.info("job %s given back", claim.job_id)

    def _hear(self) -> None:
        inbox = self._dispatcher.subscribe(self.ledger.keys.control(self.model.queue))
        while not self.draining.is_set():
            # A cancellation that passes unheard is heard of from the next renewal or token, and
            # whoever wants this process to rest says it again.
            message = inbox.take(1.0)
            if message is None or message is MISSED:
                continue
            if not message.startswith(DRAIN):
                self.leases.cancel(message.decode())
            elif message.removeprefix(DRAIN) == self.leases.node.encode():
                self.rest()
