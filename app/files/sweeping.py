"""The sweeper: what is over, and what nobody needs any more, is deleted."""

from __future__ import annotations

import time

import structlog

from app.files.errors import StoreUnavailable
from app.files.register import Register
from app.files.store import Store

log = structlog.get_logger(__name__)

# Of each kind in one round: it runs beside other work, and the next one comes soon.
MOST = 500
TIDY_S = 3_600.0


class Sweeper:
    """A round may be cut short anywhere, and run at the same time as another."""

    def __init__(self, register: Register, store: Store) -> None:
        self._register = register
        self._store = store
        self._tidy_at_s = 0.0

    def round(self) -> None:
        """Forget files whose time is over, then delete bytes that are free, and what lies about.

        A store that is away keeps its bytes until a later round; ``RedisError`` goes through.
        """
        for record in self._register.expired(time.time(), MOST):
            self._register.delete(record)
        try:
            self._delete_free()
            self._tidy()
        except StoreUnavailable as error:
            log.warning("free bytes are not deleted yet", error=error.message)

    def _delete_free(self) -> None:
        # First the bytes: forgotten before, they would stay for good.
        for blob in self._register.free_blobs(MOST):
            self._store.delete(blob)
            self._register.forget_blob(blob)

    def _tidy(self) -> None:
        if time.monotonic() >= self._tidy_at_s:
            self._tidy_at_s = time.monotonic() + TIDY_S
            self._store.tidy()
