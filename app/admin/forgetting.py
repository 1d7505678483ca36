"""Taking back a definition that was added at run time: unloaded first, then forgotten.

It goes on beside the request that asked for it, for as long as the process lives; asked again, it
goes on from where it stands.
"""

from __future__ import annotations

import contextlib
import threading
import time
from typing import Literal

import redis
import structlog

from app.admin.changes import wanted_again
from app.admin.refusals import Conflict
from app.admin.survey import Standing, Survey
from app.admin.waiting import wait_until
from app.client import Client
from app.openai.errors import BadRequest
from tasks.connection import now_ms
from tasks.errors import UnknownJob
from tasks.fleet import Wish
from tasks.gateway import Gateway
from tasks.live_catalog import REFRESH_S
from tasks.model import Model

log = structlog.get_logger(__name__)

# A job that runs may take long to finish; whoever wants it gone sooner says so.
GIVE_UP_S = 600.0
# A model of which nothing is loaded is forgotten at once: the answer is to say so.
BRIEF_S = 0.5
# Jobs ended in one look; the next look ends more.
JOBS_A_LOOK = 500

Outcome = Literal["forgotten", "wanted", "late"]


class Forgetting:
    """One model's way out, in a thread of its own. ``outcome`` is None until its end."""

    def __init__(self, gateway: Gateway, survey: Survey, model: Model, *, force: bool) -> None:
        """With ``force`` its jobs are cancelled, and those that still come for it."""
        self._gateway = gateway
        self._survey = survey
        self._model = model
        self._force = force
        self.outcome: Outcome | None = None
        self._last: Standing | None = None

    def check(self) -> None:
        """Raise ``BadRequest`` for a model of the file, ``Conflict`` while jobs need it."""
        name = self._model.name
        if self._gateway.is_of_file(name):
            raise BadRequest(
                f"The catalog's file defines {name!r}: take it out there. Without 'forget' it is"
                " unloaded.",
                param="forget",
            )
        if not self._force and (jobs := self._jobs()):
            raise Conflict(
                f"Jobs wait for {name!r} or run ({jobs} of them): let them end, or send 'force',"
                " which cancels them.",
                code="model_in_use",
                param="force",
            )

    def start(self) -> None:
        """Begin; the model was wished unloaded."""
        name = f"forget {self._model.name}"
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def wait(self, client: Client, wait_s: float) -> Standing:
        """The model as it stands at the end, or after ``wait_s`` and a moment.

        Raises ``Conflict`` when it is kept because somebody came for it.
        """
        standing = wait_until(
            lambda _now, _waited_s: self.outcome is not None,
            lambda: self._survey.model(self._model),
            client,
            max(wait_s, BRIEF_S),
        )
        if self.outcome == "wanted":
            raise Conflict(
                f"{self._model.name!r} was asked for while it unloaded, and is kept: send it"
                " again, or with 'force'.",
                code="model_in_use",
                param="model",
            )
        # Without its wish a forgotten model would seem to be wanted.
        return self._last or standing

    def _run(self) -> None:
        try:
            nobody = Client({})
            wait_until(self._ended, lambda: self._survey.model(self._model), nobody, GIVE_UP_S)
            if self.outcome == "forgotten":
                self._clear_up()
        except redis.RedisError as error:
            log.warning("a model is not forgotten", error=type(error).__name__)
        self.outcome = self.outcome or "late"
        log.info("forgetting ended", model=self._model.name, outcome=self.outcome)

    def _ended(self, now: Standing, _waited_s: float) -> bool:
        if self._force:
            self._cancel_jobs()
            if wanted_again(now):
                self._wish_unloaded()
                return False
        elif wanted_again(now) or (now.unloaded and self._jobs()):
            self.outcome = "wanted"
            return True
        if not now.unloaded or self._jobs():
            return False
        self._gateway.fleet.forget(self._model.name)
        self._survey.catalog()
        self._last, self.outcome = now, "forgotten"
        return True

    def _clear_up(self) -> None:
        """What is left of a model that is no more, once every process knows that it is not.

        Until then another API takes jobs for it, and a placer that lost the wish would load it.
        """
        time.sleep(REFRESH_S + 0.5)
        if self._model.name not in self._gateway.fleet.definitions():
            self._cancel_jobs()
            self._gateway.fleet.wish(self._model.name, None)

    def _wish_unloaded(self) -> None:
        fleet = self._gateway.fleet
        wish = Wish(wanted=False, why="admin", at_ms=now_ms(fleet.redis), force=True)
        fleet.wish(self._model.name, wish)

    def _jobs(self) -> int:
        depths = self._gateway.records.queue(self._model.queue)
        return depths.depth + depths.running

    def _cancel_jobs(self) -> None:
        """Cancel what waits, and ask what runs to stop."""
        ledger, queue = self._gateway.ledger, self._model.queue
        waiting = ledger.keys.waiting(queue)
        lines = [f"{waiting}:{part}" for part in ("resume", "0", "1", "2")]
        for line in (*lines, ledger.keys.running(queue)):
            for job_id in ledger.redis.zrange(line, 0, JOBS_A_LOOK - 1):
                with contextlib.suppress(UnknownJob):
                    ledger.cancel(job_id.decode(), queue)
