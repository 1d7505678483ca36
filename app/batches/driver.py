"""The driver: a thread that brings every open batch on. One is elected among all keepers."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable

import msgspec
import redis
import structlog
from celery import Celery

from app.batches.courses import Courses, SeatLost
from app.batches.parts import Parts, parts_of
from app.batches.remains import Remains
from app.batches.seat import Seat
from app.files.errors import StoreUnavailable
from app.files.sweeping import Sweeper
from app.settings import ApiSettings
from tasks.connection import Client
from tasks.errors import QueueUnavailable
from tasks.model import CatalogError

log = structlog.get_logger(__name__)

# Between two looks at a seat that is another's.
STAND_S = 0.5
# Longest wait for news: what nobody told of is seen as late as that.
NEWS_S = 0.25
# Between two rounds at least: jobs that end together are collected together.
BREATH_S = 0.005
# After a Redis or a store that did not answer.
PAUSE_S = 1.0
CHORES_S = 30.0
FORGOTTEN_AT_ONCE = 1_000
NICENESS = 10


class Driver:
    """One candidate for the seat.

    1. ``run`` stands for election, and drives while elected.
    2. After a lost election, or a Redis or store that was away, it remembers nothing and takes the
       batches over again from Redis.
    3. It may stand still at any point and come back much later: what it does then is refused, by
       the epoch of each batch.
    """

    def __init__(
        self,
        settings: ApiSettings,
        client: Client,
        celery: Celery,
        name: str,
        *,
        assemble: Callable[[ApiSettings, Client, Celery], Parts] = parts_of,
    ) -> None:
        self._settings = settings
        self._client = client
        self._celery = celery
        self._assemble = assemble
        self._assembled: Parts | None = None
        self._courses: Courses | None = None
        self._stopped = threading.Event()
        self._trouble = ""
        self._seat = Seat(lambda: self._parts().gateway.roster, name)
        self._chores_at_s = 0.0
        self._remains: Remains | None = None
        self._sweeper: Sweeper | None = None

    def run(self) -> None:
        """Drive batches until ``stop``."""
        # The other threads of this process, and all that serves requests, go first. A keeper that
        # was started with less than that, as by a nice Docker daemon, may not take more: it raised.
        thread = threading.get_native_id()
        niceness = max(NICENESS, os.getpriority(os.PRIO_PROCESS, thread))
        os.setpriority(os.PRIO_PROCESS, thread, niceness)
        keeping = threading.Thread(
            target=self._seat.keep, args=(self._stopped,), name="batch seat", daemon=True
        )
        keeping.start()
        while not self._stopped.wait(BREATH_S):
            trouble = self._tried_round()
            if trouble:
                self._say(trouble)
                self._forget()
                self._stopped.wait(PAUSE_S)
            self._trouble = trouble
        self._forget()

    def stop(self) -> None:
        """End after the current round."""
        self._stopped.set()

    def round(self) -> None:
        """One round, and a wait for news unless there is more to do; another's seat is let be."""
        if not self._seat.is_held():
            self._forget()
            self._stopped.wait(STAND_S)
            return
        parts = self._parts()
        if self._courses is None:
            self._courses = Courses(parts, self._hold_seat)
        try:
            self._do_chores(parts)
            more = self._courses.round()
        except SeatLost:
            self._forget()
            return
        if not more:
            parts.book.await_news(NEWS_S)

    def _tried_round(self) -> str:
        """What went wrong in a round; nothing when it went well."""
        try:
            self.round()
        except (redis.RedisError, QueueUnavailable, OSError) as error:
            return f"redis does not answer ({type(error).__name__})"
        except (StoreUnavailable, CatalogError, msgspec.MsgspecError) as error:
            # The store is away, the file is being written, or a record is a newer release's.
            return str(error) or type(error).__name__
        except Exception as error:
            # The keeper lives on without this thread, and no batch would ever end again.
            if repr(error) != self._trouble:
                log.exception("a round failed")
            return repr(error)
        return ""

    def _say(self, trouble: str) -> None:
        """Once, and not every second."""
        if trouble != self._trouble:
            log.warning("batches wait", reason=trouble)

    def _parts(self) -> Parts:
        # Made here and not at the start: a catalog with a fault in it must not end the keeper.
        if self._assembled is None:
            self._assembled = self._assemble(self._settings, self._client, self._celery)
        return self._assembled

    def _hold_seat(self) -> None:
        """Between any two steps: let others run, and see that the seat is still this one's."""
        time.sleep(0)
        if not self._seat.is_held():
            raise SeatLost

    def _forget(self) -> None:
        if self._courses is not None:
            self._courses.close()
        self._courses = self._remains = None
        self._seat.forget()

    # ---- chores -------------------------------------------------------------------------

    def _do_chores(self, parts: Parts) -> None:
        """Clean up behind batches and files that are over."""
        if self._remains is None or self._sweeper is None:
            self._remains = Remains(parts.client, parts.settings, parts.store)
            self._sweeper = Sweeper(parts.register, parts.store)
        if time.monotonic() < self._chores_at_s:
            return
        self._chores_at_s = time.monotonic() + CHORES_S
        self._remains.clean()
        parts.book.forget_due(parts.now_s(), FORGOTTEN_AT_ONCE)
        self._sweeper.round()
