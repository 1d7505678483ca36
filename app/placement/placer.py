"""The placer: carries the plan out, round by round. One is elected among all keepers."""

from __future__ import annotations

import threading
import time

import msgspec
import redis
import structlog

from app.placement.facts import FactsReader
from app.placement.picture import Facts, Memory, Plan, Refusal
from app.placement.plan import plan
from tasks.connection import Client
from tasks.events import Failed
from tasks.fleet import Fleet
from tasks.live_catalog import LiveCatalog
from tasks.model import CatalogError
from tasks.roster import Roster
from tasks.settings import QueueSettings
from tasks.upkeep import Upkeep

log = structlog.get_logger(__name__)

ROUND_S = 0.25
# The seat is another's this long after its holder died.
TERM_S = 3.0
# A node that is silent for a week does not come back; looked for every hour.
SILENT_MS = 7 * 24 * 3_600_000
SILENT_LOOK_S = 3_600.0
REFUSED_A_CALL = 100
CALLS_A_ROUND = 10


class Placer:
    """One candidate for the seat.

    1. ``run`` stands for election every round, and works while elected.
    2. After a start, a lost election or a Redis that was away it remembers nothing: who fell silent
       in that time is taken for one that is restarting.
    3. A round writes wishes first. When somebody else wished something in between, it writes
       nothing more: the next round sees it.
    """

    def __init__(self, client: Client, settings: QueueSettings, turn_s: float, name: str) -> None:
        self._client = client
        self._settings = settings
        self._fleet = Fleet(client, settings)
        self._roster = Roster(client, settings)
        self._upkeep = Upkeep(client, settings)
        self._facts = FactsReader(client, settings, turn_s)
        self._name = name
        self._stopped = threading.Event()
        self._catalog: LiveCatalog | None = None
        self.memory = Memory()
        self._trouble = ""
        self._silent_look_at = 0.0

    def run(self) -> None:
        """Place models until ``stop``."""
        while not self._stopped.wait(ROUND_S):
            try:
                self.round()
                self._trouble = ""
            except (redis.RedisError, OSError) as error:
                self.memory = Memory()
                self._say(f"redis does not answer ({type(error).__name__})")
            except (CatalogError, msgspec.MsgspecError) as error:
                # The file is being written, or a report is a newer release's.
                self._say(str(error))
            except Exception as error:
                # The keeper lives on without this thread, and nothing would ever be placed again.
                if self._say(repr(error)):
                    log.exception("a round failed")

    def _say(self, trouble: str) -> bool:
        """Once, and not four times a second; whether it was news."""
        if trouble == self._trouble:
            return False
        self._trouble = trouble
        log.warning("nothing is placed", reason=trouble)
        return True

    def stop(self) -> None:
        """End after the current round."""
        self._stopped.set()

    def round(self) -> None:
        """One round: nothing when another keeper is elected."""
        if not self._roster.elect(self._name, TERM_S, seat="placer"):
            self.memory = Memory()
            return
        self._forget_silent()
        facts = self._facts.read(self._models().now().models, self.memory)
        decided = plan(facts)
        self.memory = decided.memory
        if self._wish(decided):
            self._assign(facts, decided)
            if decided.placements != facts.placements:
                self._fleet.place(dict(decided.placements))
        for refusal in decided.refusals:
            self._refuse(refusal)

    def _forget_silent(self) -> None:
        if time.monotonic() < self._silent_look_at:
            return
        self._silent_look_at = time.monotonic() + SILENT_LOOK_S
        for node in self._fleet.forget_silent(SILENT_MS):
            log.info("forgot a node that is long silent", node=node)

    def _models(self) -> LiveCatalog:
        # Made here and not at the start: a catalog with a fault in it must not end the keeper.
        if self._catalog is None:
            self._catalog = LiveCatalog(self._settings, self._client)
        return self._catalog

    def _wish(self, decided: Plan) -> bool:
        """Whether every change was made."""
        for change in decided.wishes:
            if not self._fleet.wish_after(change.model, change.before, change.after):
                return False
            log.info("wished", model=change.model, wanted=change.after.wanted, why=change.after.why)
        return True

    def _assign(self, facts: Facts, decided: Plan) -> None:
        for node, after in decided.assignments.items():
            before = facts.assignments.get(node, {})
            if after == before:
                continue
            self._fleet.assign(node, dict(after))
            for model in {*before, *after}:
                if before.get(model) != after.get(model):
                    order = after[model].order if model in after else "forget"
                    log.info("assigned", model=model, node=node, order=order)

    def _refuse(self, refusal: Refusal) -> None:
        end = Failed.of(refusal.error)
        for _ in range(CALLS_A_ROUND):
            refused = self._upkeep.refuse(refusal.queue, end, REFUSED_A_CALL)
            for job_id in refused:
                log.warning("refused while it waited", job=job_id, code=refusal.error.code)
            if len(refused) < REFUSED_A_CALL:
                break
