"""gunicorn's gevent worker, which tells the application that it is being stopped."""

from __future__ import annotations

from typing import Any

from gunicorn.workers.ggevent import GeventWorker

from app.drain import drain


class ApiWorker(GeventWorker):
    """One process of the API."""

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: what is open may finish, for as long as gunicorn lets it."""
        drain.begin(float(self.cfg.graceful_timeout))
        super().handle_exit(sig, frame)
